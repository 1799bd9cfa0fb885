"""A row of the audit: a figure, its aim, and the figures of controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lesb_plugin.audit.measures.controls import ORACLE, OWN, TRUE_LABELS
from lesb_plugin.audit.measures.intervals import Figure, overlap

__all__ = [
    "BEATEN",
    "Aim",
    "Row",
    "at_least",
    "at_most",
    "best_control",
    "called_out",
    "number",
    "standing",
]

BEATEN, UNCLEAR, ALIKE, BETTER = "beaten", "not clearly beaten", "not beaten", "better"
_KNOWING = {ORACLE, OWN, TRUE_LABELS}  # controls that know what was changed


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


def best_control(row: Row) -> tuple[str, Figure] | None:
    """Return the best control without knowledge of the face; None if there is none."""
    sign = 1 if row.higher_is_better else -1
    return max(_blind(row), key=lambda each: sign * (each[1].value or 0.0), default=None)


def standing(row: Row, name: str) -> str:
    """Say how a control stands against the row: BEATEN, UNCLEAR, ALIKE or BETTER.

    Where the intervals overlap it is not beaten, or not clearly if the row's value is the better
    one. The control that the aim is to beat is BEATEN where the aim is met, so that a row never
    says both. "" where a value or the row's interval is missing.
    """
    value, control = row.figure.value, row.controls[name]
    if value is None or row.figure.low is None or control.value is None:
        return ""
    ahead = value - control.value if row.higher_is_better else control.value - value
    if name == row.aim.above and row.met:
        return BEATEN
    if overlap(row.figure, control):
        return UNCLEAR if ahead > 0 else ALIKE
    return BETTER if ahead < 0 else BEATEN


def called_out(row: Row) -> str:
    """Return a sentence if controls score like the explanation or better; "" if none do."""
    found: dict[str, list[str]] = {}
    for name, control in _blind(row):
        found.setdefault(standing(row, name), []).append(f"{name} ({number(control.value)})")
    kinds = (
        ("no better than", ALIKE),
        ("not clearly better than", UNCLEAR),
        ("worse than", BETTER),
    )
    clauses = [f"{how} {_listed(found[kind])}" for how, kind in kinds if kind in found]
    return f"{row.title} ({number(row.figure.value)}) is {_listed(clauses)}." if clauses else ""


def _blind(row: Row) -> list[tuple[str, Figure]]:
    """Return the controls that do not know what was changed and have a value."""
    return [
        (name, figure)
        for name, figure in row.controls.items()
        if name not in _KNOWING and figure.value is not None
    ]


def number(value: float | None) -> str:
    """Format a number as tables show it."""
    return "-" if value is None else f"{value:.3f}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(figure: Figure) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {**plain, "reason": figure.reason} if figure.reason else plain
