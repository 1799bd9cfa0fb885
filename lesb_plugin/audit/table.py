"""The audit in the terminal: one table of figures, each above the controls that decide it."""

from __future__ import annotations

from collections.abc import Iterator

from lesb_plugin.audit.findings import of_matrix, of_rows
from lesb_plugin.audit.rows.digits import digits_of, interval_text, number
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.audit.rows.standing import compared_controls
from lesb_plugin.audit.run import Audit
from registry import print_table, say

__all__ = ["control_names", "headline", "print_audit", "verdict"]

_HEADER = ("row", "n", "value", "95 % interval", "aim, control", "met")
_READING = (
    "Indented are controls that do not know what was changed: the one that the aim names, and those"
    " as good as the row or better, or else the best. One is not clearly beaten where its 95 %"
    " interval overlaps the row's, and not beaten where its value is no worse besides. `reached` is"
    " not met: the aim is reached, but a control does as well or better, so that it proves nothing."
    " audit.html has every control."
)


def print_audit(audit: Audit) -> None:
    """Print the table, each row above its controls, the AUC matrix, and notes."""
    rows = [cells for row in audit.rows for cells in (_cells(row), *_controls(row))]
    print_table(headline(audit), _HEADER, rows)
    if len(rows) > len(audit.rows):
        say(_READING)
    say(of_rows(audit.rows))
    if audit.matrix is not None:
        parts = audit.found.names
        matrix = [
            (f"score of {part}", *(number(_or_none(value)) for value in row))
            for part, row in zip(parts, audit.matrix.tolist(), strict=True)
        ]
        say()
        header = ("AUC against reals", *(f"{part} changed" for part in parts))
        print_table("", header, matrix)
        say(of_matrix(parts, audit.matrix, audit.found.alone))
    for line in audit.notes:
        say(f"note: {line}")
    if audit.summary:
        say(audit.summary)


def headline(audit: Audit) -> str:
    """Return a heading: what was audited on which data."""
    config = audit.config
    what = f"{config.detector} on {config.backbone}" if config.backbone else config.detector
    if config.explainer:
        what += f", explained by {config.explainer}"
    real = int(audit.found.real.sum())
    fakes = "edits of real faces" if config.make_edits else "fakes"
    return f"{what}: {real} reals and {len(audit.found.real) - real} {fakes}"


def control_names(audit: Audit) -> tuple[str, ...]:
    """Return every control of any row, in order of appearance."""
    return tuple(dict.fromkeys(name for row in audit.rows for name in row.controls))


def verdict(row: Row) -> str:
    """Say whether the aim is met, in a word: "reached" where a control is as good as the row, "?"
    where the row cannot tell.
    """
    if row.undecided:
        return "?" if row.aim.text else "-"
    if row.reached and not row.met:
        return "reached"
    return {True: "yes", False: "no", None: "-"}[row.met]


def _cells(row: Row) -> tuple[str, ...]:
    digits = digits_of(row)
    return (
        row.title,
        str(row.n) if row.n else "-",
        number(row.figure.value, digits),
        interval_text(row.figure, digits),
        row.aim.text or "-",
        verdict(row),
    )


def _controls(row: Row) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the controls that the row is compared with."""
    digits = digits_of(row)
    for each in compared_controls(row):
        value = number(each.figure.value, digits)
        interval = interval_text(each.figure, digits)
        yield (f"  {each.name}", "", value, interval, each.standing, "")


def _or_none(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 - NaN
