"""The rows of audit.html in four groups, each next to the controls that decide it."""

from __future__ import annotations

from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.digits import digits_of, interval_text, number
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.audit.rows.standing import OPEN, Compared, compared_controls
from lesb_plugin.audit.run import Audit
from lesb_plugin.audit.table import control_names
from registry import Markup, joined, table_head, tag

__all__ = ["all_controls", "grouped_table"]

GROUPS = {
    "Where": ("right_part", "auc_matrix", "redundancy", "several_parts", "no_part_on_real",
              "reports", "localisation"),
    "Faithful": ("restore", "insert", "deletion", "insertion", "shapley", "attack", "sanity",
                 "cascade", "labels"),
    "Robust": ("stability", "equivariance", "outside"),
    "Cost": ("cost",),
}  # fmt: skip


def group_of(row: Row) -> str:
    """Return the group of a row; unlisted kinds belong to faithfulness."""
    kind = row.key.partition(".")[0]
    return next((name for name, kinds in GROUPS.items() if kind in kinds), "Faithful")


def grouped_table(audit: Audit) -> Markup:
    """Return one table: a body for each group that has rows."""
    head = table_head(("measure", "value", "aim", "controls", "faces"))
    bodies = []
    for name in GROUPS:
        rows = [row for row in audit.rows if group_of(row) == name]
        if rows:
            title = tag("tr", tag("th", name, scope="rowgroup", colspan=5), class_="group")
            bodies.append(tag("tbody", title, *map(_row, rows)))
    return tag("table", head, joined(*bodies), class_="grouped")


def _row(row: Row) -> Markup:
    digits = digits_of(row)
    beside = [
        joined(number(each.figure.value, digits), tag("small", _label(each), class_="interval"))
        for each in compared_controls(row)
    ]
    return tag(
        "tr",
        tag("th", row.title, scope="row"),
        _figure(row.figure, digits),
        tag("td", row.aim.text, *_chip(row)) if row.aim.text else tag("td", "-"),
        tag("td", joined(*beside) if beside else "-", class_="number"),
        tag("td", f"{row.n:,}" if row.n else "-", class_="number"),
    )


def _label(control: Compared) -> str:
    return f"{control.name}: {control.standing}" if control.standing else control.name


def _figure(figure: Figure, digits: int) -> Markup:
    interval = interval_text(figure, digits)
    below = "" if interval == "-" else tag("small", interval, class_="interval")
    return tag("td", number(figure.value, digits), below, class_="number")


def _chip(row: Row) -> tuple[str, ...]:
    if row.undecided:
        return (" ", tag("span", OPEN, class_="chip"))
    if row.met is None:
        return ()
    if row.reached and not row.met:
        return (" ", tag("span", "reached", class_="chip met-0"))
    return (" ", tag("span", "met" if row.met else "missed", class_=f"chip met-{int(row.met)}"))


def all_controls(audit: Audit) -> Markup:
    """Return every control of every row, folded."""
    names = control_names(audit)
    rows = [
        tag("tr", tag("th", row.title, scope="row"), _figure(row.figure, digits_of(row)),
            *(_figure(row.controls.get(name, Figure()), digits_of(row)) for name in names))
        for row in audit.rows
        if row.controls
    ]  # fmt: skip
    table = tag("table", table_head(("row", "value", *names)), tag("tbody", *rows), class_="wide")
    scrolling = tag("div", table, class_="scroll", tabindex=0, role="region",
                    aria_label="All controls")  # fmt: skip
    return tag("details", tag("summary", "Every control"), scrolling)
