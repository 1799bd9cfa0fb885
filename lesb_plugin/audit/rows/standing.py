"""How controls stand against a row: which ones tables show, and what sentences say of them."""

from __future__ import annotations

from dataclasses import dataclass

from lesb_plugin.audit.measures.intervals import Figure, overlap
from lesb_plugin.audit.rows.digits import digits_of, number
from lesb_plugin.audit.rows.row import Row

__all__ = ["OPEN", "Compared", "called_out", "compared_controls", "standing"]

BEATEN, UNCLEAR, ALIKE, BETTER = "beaten", "not clearly beaten", "not beaten", "better"
OPEN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Compared:
    """A control that is shown beside its row, and its `standing`."""

    name: str
    figure: Figure
    standing: str


def compared_controls(row: Row) -> list[Compared]:
    """Return the control that the aim names, and those as good as the row or better, best first;
    the best one where none is. Controls that know what was changed are left out.

    Terminal and page show these, so that both name the same better ones.
    """
    as_good = [] if row.undecided else list(row.as_good)
    names = as_good or list(row.blind)[:1]
    beside = dict.fromkeys((row.aim.above, *names)) if names else ()
    return [
        Compared(name, row.controls[name], standing(row, name))
        for name in beside
        if name in row.controls
    ]


def standing(row: Row, name: str) -> str:
    """Say how a control stands against the row: BEATEN, UNCLEAR, ALIKE, BETTER or OPEN.

    Where the intervals overlap it is not beaten, or not clearly if the row's value is the better
    one. The control that the aim is to beat is BEATEN where the aim is reached, so that a row never
    says both. All are OPEN where the row cannot tell, "" where a value or the row's interval is
    missing.
    """
    control = row.controls[name]
    if row.figure.value is None or row.figure.low is None or control.value is None:
        return ""
    if row.undecided:
        return OPEN
    if name == row.aim.above and row.reached:
        return BEATEN
    close = overlap(row.figure, control)
    if name in row.as_good:
        return ALIKE if close else BETTER
    return UNCLEAR if close else BEATEN


def called_out(row: Row) -> str:
    """Return a sentence if controls are not clearly beaten; "" if all are."""
    digits, found = digits_of(row), dict[str, list[str]]()
    for name, control in row.blind.items():
        text = f"{name} ({number(control.value, digits)})"
        found.setdefault(standing(row, name), []).append(text)
    kinds = (
        ("worse than", BETTER),
        ("no better than", ALIKE),
        ("not clearly better than", UNCLEAR),
    )
    clauses = [f"{how} {_listed(found[kind])}" for how, kind in kinds if kind in found]
    value = number(row.figure.value, digits)
    return f"{row.title} ({value}) is {_listed(clauses)}." if clauses else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
