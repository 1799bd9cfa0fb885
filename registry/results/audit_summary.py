"""What an audit found about a detector, kept in a file beside the audited artefact.

It is a file of its own and not in the artefact: an artefact is known by its sha256, in runs, in
cached scores and in this very summary, and whatever is written into it makes another one of it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from registry.errors import BenchError, DataError
from registry.files import read_json, replacing
from registry.settings.coerce import build

__all__ = ["AuditFigure", "AuditSummary", "PartAudit", "audit_file", "find_audit", "keep_audit"]

_SUFFIX = ".audit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFigure:
    """A value, the ends of its 95 % interval, and the value of a control without knowledge."""

    value: float
    low: float | None = None
    high: float | None = None
    control: float | None = None

    @property
    def beats_control(self) -> bool:
        """Say whether the interval lies above the control; False if one of them is missing."""
        return self.low is not None and self.control is not None and self.low > self.control


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary(ABC):
    """What was audited and on what; a subclass adds its figures and its words.

    A plugin's command names the subclass (`CommandSpec.audit`), and with it what it has kept is
    read. `created` is a time in ISO 8601; data, weights and artefact are known by their sha256.
    """

    schema: Literal[1] = 1
    detector: str
    weights_sha256: str
    artefact_sha256: str
    datasets: tuple[str, ...]
    split: str
    reals: int
    fakes: int
    identities: int
    data_fingerprint: str
    created: str
    version: str

    @property
    @abstractmethod
    def passed(self) -> bool:
        """Say whether the audited parts may be taken for what they claim to be."""

    @property
    @abstractmethod
    def finding(self) -> str:
        """Return the finding as a clause whose subject is the detector."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Return what was found, on which data, and how to read it, in sentences."""

    @property
    def line(self) -> str:
        """Return the main finding as one short clause, for a terminal."""
        return f"{self.detector} {self.finding}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAudit:
    """How well part scores are known to localise; `summary` is None if they were not audited.

    `words` are sentences for a report, `line` is the same in one short line for a terminal.
    """

    words: str
    line: str = ""
    summary: AuditSummary | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def audit_file(artefact: Path) -> Path:
    """Return the path of the summary of an artefact's audit."""
    return artefact.with_name(artefact.stem + _SUFFIX)


def keep_audit(artefact: Path, summary: AuditSummary) -> Path:
    """Write the summary beside the artefact, whole or not at all, replacing an older one.

    A DataError if the existing one is of the same artefact and rests on more fakes.
    """
    path = audit_file(artefact)
    there = _fakes_of(path, summary)
    if there > summary.fakes:
        raise DataError(
            f"{path} holds an audit on {there} fakes, and this one is on {summary.fakes};"
            " audit at least as many, or delete that file first"
        )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(summary), indent=1) + "\n", encoding="utf-8")
    return path


def _fakes_of(path: Path, summary: AuditSummary) -> int:
    """Count the fakes of the audit in a file; 0 if there is none for this artefact."""
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
    readers: Iterable[type[AuditSummary]],
) -> PartAudit:
    """Find the audit beside `artefact`, if it is for this very detector, artefact and weights.

    Without one the words say so, and why one that is there does not count; `command` makes one
    ("" where none does). The first of `readers` that a file fits reads it.
    """
    never = _never(detector, command)
    path = None if artefact is None else audit_file(artefact)
    if path is None or not path.is_file():
        return PartAudit(words=never, line=_line(detector, command))
    try:
        summary = _summary(path, readers)
    except (OSError, ValueError, BenchError) as error:
        words = f"{path.name} is not a readable audit ({error}). {never}"
        return PartAudit(words=words, line=_line(detector, command))
    mine = {
        "detector": detector, "artefact_sha256": artefact_sha256, "weights_sha256": weights_sha256
    }  # fmt: skip
    for name, value in mine.items():
        other = getattr(summary, name)
        if other != value:
            what = name.replace("_", " ")
            why = f"it is for {what} {other[:12]}, and this is {value[:12]}"
            words = f"The audit in {path.name} does not count: {why}. {never}"
            return PartAudit(words=words, line=_line(detector, command))
    line = f"{summary.line}; the whole audit: {path}"
    return PartAudit(words=summary.words, line=line, summary=summary)


def _line(detector: str, command: str) -> str:
    line = f"the part scores of {detector} have not been audited"
    return f"{line}: {command}" if command else line


def _never(detector: str, command: str) -> str:
    never = (
        f"The part scores of {detector} have not been audited: it is unknown whether they"
        " show where a face was changed."
    )
    how = f" To audit them on fakes whose changed parts are known: {command}"
    return never + (how if command else "")


def _summary(path: Path, readers: Iterable[type[AuditSummary]]) -> AuditSummary:
    """Read a file as the first class that fits; the BenchError of the last one if none does."""
    values = _read(path)
    fault: BenchError = DataError("no plugin can read audits")
    for reader in readers:
        try:
            return build(reader, values)
        except BenchError as error:
            fault = error
    raise fault


def _read(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError("it does not hold a JSON object")
    return values
