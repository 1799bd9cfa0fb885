"""The part of an audit that is kept beside the artefact, for every report that names parts."""

from __future__ import annotations

from pathlib import Path

from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.audit.part_summary import PartSummary
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.audit.run import Audit
from registry import AuditFigure, ConfigError, DataError, keep_audit

__all__ = ["check_can_keep", "keep", "summary_of"]

_FIRST, _FLAGGED = "right_part", "right_part.flagged"


def check_can_keep(config: AuditConfig) -> None:
    """Raise a ConfigError for an audit that does not cover the detector's own part scores."""
    if config.explainer is not None:
        raise ConfigError(
            "--keep keeps an audit of the detector's own part scores, not one of"
            f" explainer {config.explainer!r}; omit --explainer or --keep"
        )
    if not config.draws:
        raise ConfigError("--keep needs intervals; omit --draws 0 or --keep")
    if config.only and _FIRST not in config.only:
        raise ConfigError(
            f"--keep needs the row {_FIRST}, which --only leaves out; add it, or omit one"
            " of the two flags"
        )


def keep(audit: Audit) -> Path:
    """Write the summary of an audit with `keep` beside the artefact; a DataError if it is void."""
    assert audit.artefact is not None  # noqa: S101 - run_audit refuses to keep without one
    return keep_audit(audit.artefact, summary_of(audit))


def summary_of(audit: Audit) -> PartSummary:
    """Summarise the audit; a DataError if the first row has no figure or interval, or cannot
    tell.
    """
    first = audit.first
    if first is None or first.figure.low is None or first.undecided:
        why = "no fake has exactly one changed part"
        if first is not None:
            why = first.undecided or first.figure.reason
        raise DataError(f"there is no audit to keep: {why}; audit more fakes, or other ones")
    rows = {row.key: row for row in audit.rows if row.figure.value is not None}
    record = audit.record
    return PartSummary(
        detector=audit.config.detector,
        weights_sha256=record["weights_sha256"],
        artefact_sha256=record["artefact_sha256"],
        parts=audit.found.names,
        right_part=_figure(first),
        groups=_below(rows, _FIRST),
        auc_diagonal=_figure(rows["auc_matrix.diagonal"])
        if "auc_matrix.diagonal" in rows
        else None,
        redundancy=_below(rows, "redundancy"),
        reports=_below(rows, "reports"),
        datasets=tuple(record["datasets"]),
        split=audit.config.split,
        made_edits=audit.config.make_edits,
        reals=record["reals"],
        fakes=sum(record["fakes"].values()),
        identities=record["identities"],
        data_fingerprint=record["data_fingerprint"],
        created=record["created"],
        version=record["version"],
    )


def _below(rows: dict[str, Row], key: str) -> dict[str, AuditFigure]:
    """Return figures of the rows `key.NAME` by name.

    Flagged ones are not kinds of change, and what cannot tell would read as a finding.
    """
    return {
        each.removeprefix(f"{key}."): _figure(row)
        for each, row in rows.items()
        if each.startswith(f"{key}.") and each != _FLAGGED and not row.undecided
    }


def _figure(row: Row) -> AuditFigure:
    assert row.figure.value is not None  # noqa: S101 - rows without a figure are left out
    control = row.controls.get(CONSTANT, Figure()).value
    return AuditFigure(
        value=row.figure.value, low=row.figure.low, high=row.figure.high, control=control
    )
