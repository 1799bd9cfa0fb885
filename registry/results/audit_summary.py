"""What an audit found of a detector's part scores, kept in a file beside the audited artefact.

It is a file of its own and not in the artefact: an artefact is known by its sha256, in runs, in
cached scores and in this very summary, and whatever is written into it makes another one of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from registry.errors import BenchError, DataError
from registry.files import read_json, replacing
from registry.settings.coerce import build

__all__ = ["AuditFigure", "AuditSummary", "PartAudit", "audit_file", "find_audit", "keep_audit"]

_SUFFIX = ".audit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFigure:
    """A figure, the ends of its 95 % interval, and what a control without knowledge gets."""

    value: float
    low: float | None = None
    high: float | None = None
    control: float | None = None

    @property
    def beats_control(self) -> bool:
        """Whether the interval lies above the control; False where one of them is missing."""
        return self.low is not None and self.control is not None and self.low > self.control


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary:
    """An audit of part scores in a few figures, and what it is of.

    `right_part` is how often the changed part of a face has the highest score: recall, the mean
    over parts, in [0, 1]; its control always names the same part. `groups` are the same by kind of
    change. `auc_diagonal` is the mean AUC of a part's score for its own change, `redundancy` the
    correlation of part scores by kind of fake ("single_part", "whole_face"). `reports` are about
    the part that a report singles out: how often it is the changed one ("right"), and in how many
    fakes with one part changed ("singled"), with all changed ("whole") and reals ("real") there is
    one; empty where that was not measured.
    """

    schema: Literal[1] = 1
    detector: str
    weights_sha256: str
    artefact_sha256: str
    parts: tuple[str, ...]
    right_part: AuditFigure
    groups: Mapping[str, AuditFigure]
    auc_diagonal: AuditFigure | None
    redundancy: Mapping[str, AuditFigure]
    reports: Mapping[str, AuditFigure] = field(default_factory=dict)
    datasets: tuple[str, ...]
    split: str
    made_edits: bool  # whether the fakes are edits that the audit made of real faces
    reals: int
    fakes: int
    identities: int
    data_fingerprint: str
    created: str
    version: str

    @property
    def localises(self) -> bool:
        """Whether part scores say more of where a face was changed than one constant answer."""
        return self.right_part.beats_control

    @property
    def finding(self) -> str:
        """The first figure as a clause: `names the changed part first in 35 % [30, 40] of ...`."""
        control = self.right_part.control
        than = ""
        if control is not None:
            than = f", where naming always the same part reaches {100 * control:.0f} %"
        return (
            f"names the changed part first in {_percent(self.right_part)} of faces with one part"
            f" changed (mean over the parts){than}"
        )

    @property
    def words(self) -> str:
        """What was found, on what, and how to take it, in sentences."""
        edits = "edits made of " if self.made_edits else ""
        lead = (
            f"Audited on {edits}{', '.join(self.datasets)}, split {self.split} ({self.reals:,} real"
            f" faces, {self.fakes:,} fakes; {self.created[:10]}): {self.detector} {self.finding}"
        )
        if not self.localises:
            return f"{lead}: do not read its parts as places."
        kinds = [
            f"{name} {_percent(figure)}{_beside_control(figure)}"
            for name, figure in self.groups.items()
        ]
        by_kind = f" By kind of change: {'; '.join(kinds)}." if kinds else ""
        return f"{lead}.{by_kind}{self._of_reports}"

    @property
    def _of_reports(self) -> str:
        """Sentences on the part that reports single out, "" where that was not measured."""
        if not {"right", "singled"} <= set(self.reports):
            return ""
        right, singled = (_percent(self.reports[name]) for name in ("right", "singled"))
        found = (
            f" Reports single a part out in {singled} of faces with one part changed; it is the"
            f" changed one in {right} of those."
        )
        if "whole" in self.reports:
            share = _percent(self.reports["whole"])
            found += f" They also do in {share} of faces changed as a whole."
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAudit:
    """What is known of how well part scores say where; `summary` is None where nothing is."""

    words: str
    summary: AuditSummary | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def audit_file(artefact: Path) -> Path:
    """Where the summary of an artefact's audit is kept."""
    return artefact.with_name(artefact.stem + _SUFFIX)


def keep_audit(artefact: Path, summary: AuditSummary) -> Path:
    """Write the summary beside the artefact, whole or not at all, in the place of an older one.

    A DataError where the one there is of the same artefact and rests on more fakes.
    """
    path = audit_file(artefact)
    there = _fakes_of(path, summary)
    if there > summary.fakes:
        raise DataError(
            f"{path} holds an audit on {there} fakes, this one is on {summary.fakes}; audit at"
            " least as many, or remove that file first"
        )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(summary), indent=1) + "\n", encoding="utf-8")
    return path


def _fakes_of(path: Path, summary: AuditSummary) -> int:
    """How many fakes the audit in a file rests on; 0 for none, or one of another artefact."""
    try:
        values = read_json(path)
        same = values["artefact_sha256"] == summary.artefact_sha256
        return int(values["fakes"]) if same else 0
    except (OSError, DataError, ValueError, KeyError, TypeError):
        return 0


def find_audit(
    artefact: Path | None,
    *,
    detector: str,
    weights_sha256: str,
    artefact_sha256: str,
    command: str,
) -> PartAudit:
    """The audit beside `artefact`, if it is of this very detector, artefact and weights.

    Without one the words say so, and why one that is there does not count; `command` makes one.
    """
    never = (
        f"The part scores of {detector} were never audited: whether they say where a face was"
        f" changed is not known. To audit them on fakes whose changed parts are known: {command}"
    )
    path = None if artefact is None else audit_file(artefact)
    if path is None or not path.is_file():
        return PartAudit(words=never)
    try:
        summary = build(AuditSummary, _read(path))
    except (OSError, ValueError, BenchError) as error:
        return PartAudit(words=f"{path.name} is no audit that can be read ({error}). {never}")
    mine = {
        "detector": detector, "artefact_sha256": artefact_sha256, "weights_sha256": weights_sha256
    }  # fmt: skip
    for name, value in mine.items():
        other = getattr(summary, name)
        if other != value:
            what = name.replace("_", " ")
            why = f"it is of {what} {other[:12]}, and this is {value[:12]}"
            return PartAudit(words=f"The audit in {path.name} does not count: {why}. {never}")
    return PartAudit(words=summary.words, summary=summary)


def _read(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError("it holds no JSON object")
    return values


def _beside_control(figure: AuditFigure) -> str:
    if figure.beats_control:
        return ""
    above = figure.control is not None and figure.value > figure.control
    return f", {'not clearly' if above else 'no'} better than always the same part"


def _percent(figure: AuditFigure) -> str:
    """`35 % [30, 40]`."""
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
    return f"{100 * figure.value:.0f} %{interval}"
