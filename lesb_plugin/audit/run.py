"""Run an audit from a configuration."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected, collect
from lesb_plugin.audit.evidence.edited_faces import with_edits
from lesb_plugin.audit.evidence.faces import FaceSet, read_faces
from lesb_plugin.audit.evidence.subject import Subject
from lesb_plugin.audit.extended.methods import rivals
from lesb_plugin.audit.extended.rows import extended_rows
from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.findings import count_aims
from lesb_plugin.audit.measures.controls import CONSTANT, SUBSPACES
from lesb_plugin.audit.measures.discrimination import auc_matrix
from lesb_plugin.audit.measures.intervals import Draws, Figure
from lesb_plugin.audit.measures.naming import standardised
from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.audit.rows.digits import digits_of, number
from lesb_plugin.audit.rows.map_rows import map_rows
from lesb_plugin.audit.rows.part_rows import part_rows
from lesb_plugin.audit.rows.row import Row, at_most, undecided
from lesb_plugin.audit.rows.standing import called_out
from lesb_plugin.lfd.presets import region_preset
from registry import (
    AuditInputs,
    ConfigError,
    __version__,
    auc_weighted,
    prepare_audit,
)

__all__ = ["Audit", "run_audit"]

SCHEMA = 1
_OF_MAPS = {"localisation", "equivariance", "outside"}
_STOPPED = "Ctrl-C ended this audit early: its last row may cover fewer faces than requested."


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """The result: the rows, notes on them, and what they were computed from.

    `detection` has the AUC and the false alarms (reals above 0.5) of the faces' own scores. `z`
    (n, K) are part scores on the scale of real faces and `matrix` (K, K) AUCs of part k's score
    for a change of part j; None for an explanation without part scores. `stopped` says that Ctrl-C
    left some rows out.
    """

    config: AuditConfig
    rows: tuple[Row, ...]
    called_out: tuple[str, ...]
    notes: tuple[str, ...]
    found: Collected
    z: NDArray[np.float64] | None
    matrix: NDArray[np.float64] | None
    detection: Mapping[str, Figure]
    record: dict[str, Any]
    artefact: Path | None = None
    stopped: bool = False

    @property
    def first(self) -> Row | None:
        """Return the row "right part first", which decides whether an explanation localises."""
        return next((row for row in self.rows if row.key == "right_part"), None)

    @property
    def localises(self) -> bool | None:
        """Say whether it names changed parts better than one constant answer; None if unknown."""
        return None if self.first is None else self.first.reached

    @property
    def summary(self) -> str:
        """Return the audit in a sentence, for whoever reads the explanations themselves."""
        if self.first is not None and self.first.undecided:
            return (
                "This audit cannot tell whether the explanation shows where a face was changed:"
                f" {self.first.undecided}."
            )
        if self.first is None or self.localises is None:
            return ""
        figure, digits = self.first.figure, digits_of(self.first)
        value, low, high, chance = (
            number(each, digits)
            for each in (figure.value, figure.low, figure.high, self.first.controls[CONSTANT].value)
        )
        verb, conjunction = ("shows", "where") if self.localises else ("does not show", "and")
        return (
            f"The explanation {verb} where a face was changed: it names the right part"
            f" first with a recall of {value} [{low}, {high}], {conjunction} always naming the"
            f" same part gets {chance}.{self._as_good}"
        )

    @property
    def _as_good(self) -> str:
        """Return a sentence on controls that name the right part as often as it, if any."""
        if self.first is None or not (self.localises and self.first.as_good):
            return ""
        digits = digits_of(self.first)
        named = (f"{name} ({number(each.value, digits)})"
                 for name, each in self.first.as_good.items())  # fmt: skip
        return f" But as good or better, without knowledge of the change: {', '.join(named)}."

    def to_json(self) -> dict[str, Any]:
        """Return plain data: `right_part` is the first row's figure, everything else has its
        name.
        """
        cells = [] if self.matrix is None else self.matrix.tolist()
        matrix = [[None if np.isnan(cell) else cell for cell in row] for row in cells]
        return {
            "schema": SCHEMA,
            "right_part": None if self.first is None else self.first.figure.value,
            "localises": self.localises,
            "stopped": self.stopped,
            "summary": self.summary,
            "detection": {name: asdict(each) for name, each in self.detection.items()},
            "parts": list(self.found.names),
            "aims": asdict(count_aims(self.rows)),
            "rows": [row.to_json() for row in self.rows],
            "auc_matrix": matrix or None,
            "called_out": list(self.called_out),
            "notes": list(self.notes),
            **self.record,
        }


def run_audit(config: AuditConfig) -> Audit:
    """Audit as `config` says; BenchErrors say what to change."""
    started = time.perf_counter()
    rows_wanted = config.wanted_rows
    if config.explain and config.explainer is None:
        raise ConfigError(
            f"options {dict(config.explain)} belong to an explainer; name it with --explainer"
        )
    regions = region_preset(config.regions)
    inputs = prepare_audit(config)
    if config.keep and inputs.artefact is None:
        raise ConfigError(
            f"detector {config.detector!r} has no artefact to keep an audit with; omit --keep"
        )
    read = read_faces(
        inputs,
        regions,
        config.faces,
        config.max_errors,
        reals_only=config.make_edits,
        quiet=config.quiet,
    )
    faces = read.faces
    if config.make_edits:
        faces = with_edits(faces, config.edits, config.seed, quiet=config.quiet)
    subject = Subject(inputs, regions.names, config.batch, quiet=config.quiet)
    rng = np.random.default_rng(config.seed)
    found = collect(subject, faces, regions, rows_wanted, rng)
    collected = time.perf_counter()
    draws = Draws((~found.real).astype(np.int64), found.identity, config.draws, rng)
    core = _rows(found, lambda key: key.partition(".")[0] in rows_wanted, draws, rng)
    measured = time.perf_counter()
    extended, stopped = extended_rows(Study.of(subject, found, draws, config), rows_wanted)
    rows = (*core, *extended)
    if not rows:
        raise ConfigError(f"nothing that was requested can be measured: {_why_nothing(found)}")
    z = None
    if found.reading.parts is not None:
        z = standardised(found.reading.parts, found.real)
    timing = {
        "collect": collected - started,
        "measure": measured - collected,
        "extended": time.perf_counter() - measured,
    }
    return Audit(
        config=config,
        rows=rows,
        called_out=tuple(filter(None, map(called_out, rows))),
        notes=(
            *_notes(read, found, rows_wanted),
            *_notes_of(rows),
            *((_STOPPED,) if stopped else ()),
        ),
        found=found,
        z=z,
        matrix=_matrix(found, z) if z is not None and "auc_matrix" in rows_wanted else None,
        detection=_detection(found, draws),
        record=_record(config, inputs, found, timing),
        artefact=inputs.artefact,
        stopped=stopped,
    )


def _rows(
    found: Collected, wanted: Callable[[str], bool], draws: Draws, rng: np.random.Generator
) -> tuple[Row, ...]:
    """Return the core rows. Cost has no control: baselines that ignore the face cost nothing."""
    rows = part_rows(found, wanted, draws, rng) + map_rows(found, wanted, draws, rng)
    if found.cost is not None:
        rows.append(
            Row(
                key="cost",
                title="time to explain, in forward passes",
                n=0,
                figure=Figure(found.cost, reason="measured once, on this machine"),
                aim=at_most(1.05),
                higher_is_better=False,
            )
        )
    return tuple(rows)


def _detection(found: Collected, draws: Draws) -> dict[str, Figure]:
    """Measure what `bench eval` does of the same faces: AUC, and the reals above 0.5."""
    label, real = (~found.real).astype(np.int64), found.real.astype(np.float64)  # (n,)
    alarm = real * (found.reading.fake > 0.5)
    return {
        "auc": draws.figure(lambda w: auc_weighted(label, found.reading.fake, w.astype(np.int64))),
        "false_alarms": draws.figure(lambda w: (w @ alarm) / (w @ real)),  # (D,)
    }


def _why_nothing(found: Collected) -> str:
    if found.reading.parts is None:
        return "the explanation has no part scores"
    return (
        "localisation needs masks of what was changed; restore and insert need the real"
        " image of each fake; right_part and auc_matrix need fakes with one changed part;"
        " sanity needs a detector with subspaces"
    )


def _matrix(found: Collected, z: NDArray[np.float64]) -> NDArray[np.float64]:
    ones = np.ones((1, len(z)))
    matrix: NDArray[np.float64] = auc_matrix(z, found.truth, found.real, ones)[0]
    return matrix


def _notes(read: FaceSet, found: Collected, wanted: Collection[str]) -> tuple[str, ...]:
    notes = []
    if read.failed:
        notes.append(f"{len(read.failed)} faces were left out; the first: {read.failed[0]}")
    unknown = int((~found.real & ~found.known).sum())
    if unknown:
        notes.append(
            f"{unknown} fakes have no record of where they were changed; no part can be"
            " named for them."
        )
    judged = int(found.judged.sum())
    if judged and "agreement" in wanted:
        notes.append(
            "Agreement is measured with the parts that people perceive as changed (known"
            f" for {judged} fakes), not with those that were changed."
        )
    parts = found.reading.parts
    if parts is None:
        notes.append("The explanation has no part scores; only its maps are audited.")
    else:
        silent = int(np.isnan(parts).all(axis=1).sum())
        if silent:
            notes.append(f"The explanation is empty for {silent} faces; it names no part there.")
    if found.reading.maps is None and parts is not None and _OF_MAPS & set(wanted):
        notes.append("Rows about maps take the part scores, painted into their parts.")
    if {"restore", "insert"} & set(wanted) and not any(face.source for face in found.faces):
        notes.append("No fake has a known source (the one real image of its identity, of the same"
        " size): rows restore and insert are left out.")  # fmt: skip
    if found.subspaces is None and parts is not None:
        notes.append(
            "The detector is not LESB, or its head is not linear: there is no control"
            f" with {SUBSPACES}."
        )
    return tuple(notes)


def _notes_of(rows: Collection[Row]) -> list[str]:
    """Return notes on rows: better rivals, and what cannot be told or is missing."""
    missing = [row for row in rows if row.figure.value is None and not row.n]
    reasons = [f"No value for {row.title}: {row.figure.reason}." for row in missing]
    return [*filter(None, [rivals(list(rows))]), *undecided(list(rows)), *reasons]


def _record(
    config: AuditConfig, inputs: AuditInputs, found: Collected, timing: dict[str, float]
) -> dict[str, Any]:
    methods = Counter(face.method for face in found.faces if face.fake)
    return {
        "config": asdict(config),
        "weights_sha256": inputs.weights_sha256,
        "artefact_sha256": inputs.artefact_sha256,
        "datasets": sorted({video.dataset for video, _ in inputs.frames}),
        "data_fingerprint": inputs.data_fingerprint,
        "reals": int(found.real.sum()),
        "fakes": dict(sorted(methods.items())),
        "identities": int(found.identity.max()) + 1,
        "seconds": {name: round(value, 2) for name, value in timing.items()},
        "version": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
