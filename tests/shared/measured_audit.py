"""Audits of a fitted detector: the facts of one, and one that a plugin's command might keep."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import AuditFigure, AuditSummary

WEIGHTS = "ab" * 32  # sha256 of the backbone's


def write_artefact(folder: Path) -> Path:
    """Write what an audit lies beside; only its bytes matter."""
    path = folder / "some.safetensors"
    path.write_bytes(b"fitted")
    return path


def sha(artefact: Path) -> str:
    return hashlib.sha256(artefact.read_bytes()).hexdigest()


def facts_of(artefact: Path) -> dict[str, Any]:
    """What every audit of it says, whatever it measured."""
    return {
        "detector": "some",
        "weights_sha256": WEIGHTS,
        "artefact_sha256": sha(artefact),
        "datasets": ("manipulated",),
        "split": "test",
        "reals": 1146,
        "fakes": 438,
        "identities": 146,
        "data_fingerprint": "ef" * 32,
        "created": "2026-11-25T10:00:00+00:00",
        "version": "0.1.0",
    }


@dataclass(frozen=True, kw_only=True)
class Measured(AuditSummary):
    """An audit of one figure."""

    figure: AuditFigure

    @property
    def passed(self) -> bool:
        return self.figure.beats_control

    @property
    def finding(self) -> str:
        return f"gets {self.figure.value}"

    @property
    def words(self) -> str:
        return f"{self.detector} {self.finding} on {', '.join(self.datasets)}"
