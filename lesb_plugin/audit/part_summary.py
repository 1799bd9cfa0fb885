"""The summary that is kept of an audit of part scores, and its wording in reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry import AuditFigure, AuditSummary

__all__ = ["PartSummary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary(AuditSummary):
    """An audit of part scores in a few figures.

    `right_part` is how often the changed part of a face has the highest score: recall, the mean
    over parts, in [0, 1]; its control always names the same part. `groups` are the same by kind of
    change. `auc_diagonal` is the mean AUC of a part's score for its own change, `redundancy` the
    correlation of part scores by kind of fake ("single_part", "whole_face"). `reports` are about
    the part that a report singles out: how often it is the changed one ("right"), and in how many
    fakes with one part changed ("singled"), with all changed ("whole") and reals ("real") there is
    one; empty where that was not measured.
    """

    parts: tuple[str, ...]
    right_part: AuditFigure
    groups: Mapping[str, AuditFigure]
    auc_diagonal: AuditFigure | None
    redundancy: Mapping[str, AuditFigure]
    reports: Mapping[str, AuditFigure] = field(default_factory=dict)
    made_edits: bool  # whether the fakes are edits that the audit made of real faces

    @property
    def passed(self) -> bool:
        """Say whether the parts localise."""
        return self.localises

    @property
    def localises(self) -> bool:
        """Say whether part scores locate changes better than one constant answer."""
        return self.right_part.beats_control

    @property
    def finding(self) -> str:
        """Return the first figure as a clause: `names the changed part first in 35 % [30, 40] of
        ...`.
        """
        control = self.right_part.control
        than = ""
        if control is not None:
            than = f", where always naming the same part reaches {100 * control:.0f} %"
        return (
            f"names the changed part first in {_percent(self.right_part)} of faces with"
            f" one changed part (mean over the parts){than}"
        )

    @property
    def line(self) -> str:
        """Return the first figure and its control in a few words."""
        if not self.localises:
            return f"the part scores of {self.detector} do not show where a face was changed"
        control = self.right_part.control
        chance = "" if control is None else f"; {100 * control:.0f} % by chance"
        first = f"{self.detector} names the changed part first"
        return (
            f"{first} in {_percent(self.right_part)} of audited fakes (mean over the parts{chance})"
        )

    @property
    def words(self) -> str:
        """Return what was found, on which data, and how to read it, in sentences."""
        edits = "edits made of " if self.made_edits else ""
        lead = (
            f"Audited on {edits}{', '.join(self.datasets)}, split {self.split} ({self.reals:,} real"
            f" faces, {self.fakes:,} fakes; {self.created[:10]}): {self.detector} {self.finding}"
        )
        if not self.localises:
            return f"{lead}: its part scores do not show where a face was changed."
        kinds = [
            f"{name} {_percent(figure)}{_beside_control(figure)}"
            for name, figure in self.groups.items()
        ]
        by_kind = f" By kind of change: {'; '.join(kinds)}." if kinds else ""
        return f"{lead}.{by_kind}{self._of_reports}"

    @property
    def _of_reports(self) -> str:
        """Return sentences on the part that reports single out, "" if that was not measured."""
        if not {"right", "singled"} <= set(self.reports):
            return ""
        right, singled = (_percent(self.reports[name]) for name in ("right", "singled"))
        found = (
            f" Reports single out a part in {singled} of faces with one changed part, and"
            f" it is the right one in {right} of those."
        )
        if "whole" in self.reports:
            share = _percent(self.reports["whole"])
            found += f" They also single one out in {share} of faces changed as a whole."
        return found


def _beside_control(figure: AuditFigure) -> str:
    if figure.beats_control:
        return ""
    above = figure.control is not None and figure.value > figure.control
    return f", {('not clearly' if above else 'no')} better than always naming the same part"


def _percent(figure: AuditFigure) -> str:
    """Format a share and its interval: `35 % [30, 40]`."""
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
    return f"{100 * figure.value:.0f} %{interval}"
