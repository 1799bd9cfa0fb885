"""An audit as a plugin's command might keep one: a single figure."""

from __future__ import annotations

from dataclasses import dataclass

from registry import AuditFigure, AuditSummary


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
