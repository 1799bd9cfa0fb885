"""A row of the audit: a figure, its aim, and the figures of controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE, OWN, TRUE_LABELS
from lesb_plugin.audit.measures.intervals import Figure, overlap

__all__ = [
    "BEATEN",
    "OPEN",
    "Aim",
    "Row",
    "at_least",
    "at_most",
    "best_control",
    "called_out",
    "number",
    "standing",
    "undecided",
]

BEATEN, UNCLEAR, ALIKE, BETTER = "beaten", "not clearly beaten", "not beaten", "better"
OPEN = "cannot tell"
# By chance alone an interval lies above the constant part's value in up to 8 % of samples with
# fewer fakes, up to 12 % with fewer people, and 2 to 6 % with these; 2.5 % is what it promises.
FEWEST_FAKES, FEWEST_PEOPLE = 10, 5
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
    face. `people` is of how many people the faces are, None where that was not counted.
    """

    key: str
    title: str
    n: int
    figure: Figure
    aim: Aim
    higher_is_better: bool = True
    controls: Mapping[str, Figure] = field(default_factory=dict)
    people: int | None = None

    @property
    def met(self) -> bool | None:
        """Say whether the aim is met; None where that is unknown, or the row cannot tell."""
        return None if self.undecided else self.aim.met(self.figure, self.controls)

    @property
    def undecided(self) -> str:
        """Say why a row that is compared with a control cannot tell; "" if it can."""
        if self.figure.value is None or not (self.aim.above or CONSTANT in self.controls):
            return ""
        constant = self.controls.get(CONSTANT, Figure()).value
        if constant is not None and abs(constant - 1.0) < 1e-9 and self.higher_is_better:
            return "always naming the same part is right in every one of these fakes"
        if self.n < FEWEST_FAKES:
            return f"{self.n} fakes are too few (at least {FEWEST_FAKES})"
        if self.people is not None and self.people < FEWEST_PEOPLE:
            return f"fakes of {self.people} people are too few (at least {FEWEST_PEOPLE})"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `undecided` only where the row cannot tell."""
        return {
            "key": self.key,
            "title": self.title,
            "n": self.n,
            **_plain(self.figure),
            "higher_is_better": self.higher_is_better,
            "aim": self.aim.text,
            "met": self.met,
            **({"undecided": self.undecided} if self.undecided else {}),
            "controls": {name: _plain(figure) for name, figure in self.controls.items()},
        }


def best_control(row: Row) -> tuple[str, Figure] | None:
    """Return the best control without knowledge of the face; None if there is none."""
    sign = 1 if row.higher_is_better else -1
    return max(_blind(row), key=lambda each: sign * (each[1].value or 0.0), default=None)


def standing(row: Row, name: str) -> str:
    """Say how a control stands against the row: BEATEN, UNCLEAR, ALIKE, BETTER or OPEN.

    Where the intervals overlap it is not beaten, or not clearly if the row's value is the better
    one. The control that the aim is to beat is BEATEN where the aim is met, so that a row never
    says both. All are OPEN where the row cannot tell, "" where a value or the row's interval is
    missing.
    """
    value, control = row.figure.value, row.controls[name]
    if value is None or row.figure.low is None or control.value is None:
        return ""
    if row.undecided:
        return OPEN
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


def undecided(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each reason why rows cannot tell, with the rows."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.undecided:
            titles.setdefault(row.undecided, []).append(row.title)
    return [f"Cannot tell, as {why}: {'; '.join(each)}." for why, each in titles.items()]


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
