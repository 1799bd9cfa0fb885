"""A row of the audit: a figure, its aim, and the figures of controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lesb_plugin.audit.measures.controls import ORACLE, OWN, TRUE_LABELS
from lesb_plugin.audit.measures.intervals import Figure, overlap

__all__ = ["Aim", "Row", "at_least", "at_most", "called_out", "number"]


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at least, at most, an interval that holds a value, or more than a
    control: the interval's lower end above that control's value.
    """

    text: str = ""
    least: float | None = None
    most: float | None = None
    contains: float | None = None
    above: str = ""

    def met(self, figure: Figure, controls: Mapping[str, Figure]) -> bool | None:
        """Say whether the aim is met; None without an aim, a figure or an interval to compare."""
        if figure.value is None:
            return None
        if self.least is not None:
            return figure.value >= self.least
        if self.most is not None:
            return figure.value <= self.most
        if figure.low is None or figure.high is None:
            return None
        if self.contains is not None:
            return figure.low <= self.contains <= figure.high
        beaten = controls.get(self.above, Figure()).value
        return None if beaten is None else figure.low > beaten


def at_least(value: float) -> Aim:
    """Return the value that a figure should reach."""
    return Aim(f">= {value:g}", least=value)


def at_most(value: float) -> Aim:
    """Return the value that a figure should stay below."""
    return Aim(f"<= {value:g}", most=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A `figure` from `n` faces; `controls` are the same statistic without knowledge of the
    face.
    """

    key: str
    title: str
    n: int
    figure: Figure
    aim: Aim
    higher_is_better: bool = True
    controls: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        return self.aim.met(self.figure, self.controls)

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "n": self.n,
            **_plain(self.figure),
            "higher_is_better": self.higher_is_better,
            "aim": self.aim.text,
            "met": self.met,
            "controls": {name: _plain(figure) for name, figure in self.controls.items()},
        }


def called_out(row: Row) -> str:
    """Return a sentence if controls score like the explanation or better; "" if none do.

    Like it means that the intervals overlap, but for the control that the row's aim is to beat:
    that one is called out where the aim is missed, so that a row never says both. Where the value
    itself is the better one, the row is only not clearly better. A row without an interval says
    nothing.
    """
    value = row.figure.value
    if value is None or row.figure.low is None:
        return ""
    alike: list[str] = []
    unclear: list[str] = []
    better: list[str] = []
    for name, control in row.controls.items():
        if name in {ORACLE, OWN, TRUE_LABELS} or control.value is None:
            continue
        if name == row.aim.above and row.met:
            continue
        ahead = value - control.value if row.higher_is_better else control.value - value
        if overlap(row.figure, control):
            (unclear if ahead > 0 else alike).append(_with_value(name, control))
        elif ahead < 0:
            better.append(_with_value(name, control))
    kinds = (
        ("no better than", alike),
        ("not clearly better than", unclear),
        ("worse than", better),
    )
    clauses = [f"{how} {_listed(names)}" for how, names in kinds if names]
    return f"{row.title} ({number(value)}) is {_listed(clauses)}." if clauses else ""


def number(value: float | None) -> str:
    """Format a number as tables show it."""
    return "-" if value is None else f"{value:.3f}"


def _with_value(name: str, figure: Figure) -> str:
    return f"{name} ({number(figure.value)})"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(figure: Figure) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {**plain, "reason": figure.reason} if figure.reason else plain
