"""A row of the audit: a figure, its aim, and the figures of controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE, OWN, TRUE_LABELS
from lesb_plugin.audit.measures.intervals import Figure

__all__ = [
    "FEWEST_FACES",
    "FEWEST_PEOPLE",
    "Aim",
    "Row",
    "at_least",
    "at_most",
    "persons",
    "rarely",
    "undecided",
]

# By chance alone an interval lies above the constant part's value in up to 8 % of samples with
# fewer fakes, up to 12 % with fewer people, and 2 to 6 % with these; 2.5 % is what it promises.
FEWEST_FACES, FEWEST_PEOPLE = 10, 5
_KNOWING = {ORACLE, OWN, TRUE_LABELS}  # controls that know what was changed
_ALIKE = 1e-9  # sums of floats in another order differ by less


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should be: at least, at most, an interval that holds a value, or more than a
    control: the interval's lower end above that control's value.

    Fewer faces than `fewest` cannot tell whether it is.
    """

    text: str = ""
    least: float | None = None
    most: float | None = None
    contains: float | None = None
    above: str = ""
    fewest: int = FEWEST_FACES

    def reached(self, figure: Figure, controls: Mapping[str, Figure]) -> bool | None:
        """Say whether it is reached; None without an aim, a figure or an interval to compare."""
        if figure.value is None:
            return None
        if self.least is not None:
            return figure.value >= self.least - _ALIKE
        if self.most is not None:
            return figure.value <= self.most + _ALIKE
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


def rarely(share: float) -> Aim:
    """Return the share of faces that should have something at most.

    Where one face is a larger share, none of them is no evidence: such few cannot tell.
    """
    return Aim(f"<= {share:g}", most=share, fewest=max(FEWEST_FACES, round(1 / share)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A `figure` from `n` faces; `controls` are the same statistic without knowledge of the
    face. `people` is of how many people the faces are, None where that was not counted; `each_part`
    counts the fakes of each part and their people, where those of a part are compared apart.
    """

    key: str
    title: str
    n: int
    figure: Figure
    aim: Aim
    higher_is_better: bool = True
    controls: Mapping[str, Figure] = field(default_factory=dict)
    people: int | None = None
    each_part: Sequence[tuple[int, int]] = ()

    @property
    def met(self) -> bool | None:
        """Say whether the aim is reached, and by no control as well: a threshold that something
        passes that does not know what was changed proves nothing. None as in `reached`.
        """
        return self.reached and not self.as_good

    @property
    def reached(self) -> bool | None:
        """Say whether the aim is reached, whatever other controls have; None where that is unknown,
        or the row cannot tell.
        """
        return None if self.undecided else self.aim.reached(self.figure, self.controls)

    @property
    def blind(self) -> dict[str, Figure]:
        """Return the controls that do not know what was changed and have a value, best first."""
        sign = 1 if self.higher_is_better else -1
        known = [
            (name, figure)
            for name, figure in self.controls.items()
            if name not in _KNOWING and figure.value is not None
        ]
        return dict(sorted(known, key=lambda each: -sign * (each[1].value or 0.0)))

    @property
    def as_good(self) -> dict[str, Figure]:
        """Return those of `blind` whose value is as good as the row's or better, best first."""
        value = self.figure.value
        if value is None:
            return {}
        sign = 1 if self.higher_is_better else -1
        return {
            name: figure
            for name, figure in self.blind.items()
            if figure.value is not None and sign * (figure.value - value) >= -_ALIKE
        }

    @property
    def undecided(self) -> str:
        """Say why a row with an aim or controls cannot tell; "" if it can."""
        if self.figure.value is None or not (self.aim.text or self.aim.above or self.controls):
            return ""
        constant = self.controls.get(CONSTANT, Figure()).value
        if constant is not None and abs(constant - 1.0) < _ALIKE and self.higher_is_better:
            return "always naming the same part is right in every one of these fakes"
        if 0 < self.n < self.aim.fewest:  # 0: it is not counted in faces
            return f"{self.n} faces are too few (at least {self.aim.fewest})"
        if self.people is not None and self.people < FEWEST_PEOPLE:
            return f"faces of {persons(self.people)} are too few (at least {FEWEST_PEOPLE})"
        for fakes, people in self.each_part:
            if fakes < FEWEST_FACES or people < FEWEST_PEOPLE:
                return (
                    f"a part has only {fakes} fakes of {persons(people)} (at least {FEWEST_FACES},"
                    f" of {FEWEST_PEOPLE} people)"
                )
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `undecided` only where the row cannot tell.

        Where the aim is reached and not met, `as_good` names the controls that are why.
        """
        return {
            "key": self.key,
            "title": self.title,
            "n": self.n,
            **_plain(self.figure),
            "higher_is_better": self.higher_is_better,
            "aim": self.aim.text,
            "reached": self.reached,
            "met": self.met,
            **({"as_good": list(self.as_good)} if self.reached and self.as_good else {}),
            **({"undecided": self.undecided} if self.undecided else {}),
            "controls": {name: _plain(figure) for name, figure in self.controls.items()},
        }


def persons(count: int) -> str:
    """Format a number of people: `1 person`, `4 people`."""
    return f"{count} {'person' if count == 1 else 'people'}"


def undecided(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each reason why rows cannot tell, with the rows."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.undecided:
            titles.setdefault(row.undecided, []).append(row.title)
    return [f"Cannot tell, as {why}: {'; '.join(each)}." for why, each in titles.items()]


def _plain(figure: Figure) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": figure.value, "low": figure.low, "high": figure.high}
    return {**plain, "reason": figure.reason} if figure.reason else plain
