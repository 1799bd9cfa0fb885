"""The rows of audit.html in four groups, each next to its best control."""

from __future__ import annotations

from collections.abc import Sequence

from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.row import OPEN, Row, best_control, number
from lesb_plugin.audit.run import Audit
from lesb_plugin.audit.table import control_names, interval_text
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
    head = table_head(("measure", "value", "aim", "best control", "faces"))
    bodies = []
    for name in GROUPS:
        rows = [row for row in audit.rows if group_of(row) == name]
        if rows:
            title = tag("tr", tag("th", name, scope="rowgroup", colspan=5), class_="group")
            bodies.append(tag("tbody", title, *map(_row, rows)))
    return tag("table", head, joined(*bodies), class_="grouped")


def _row(row: Row) -> Markup:
    best = best_control(row)
    beside: Sequence[str] = ("-",)
    if best is not None:
        beside = (number(best[1].value), tag("small", best[0], class_="interval"))
    return tag(
        "tr",
        tag("th", row.title, scope="row"),
        _figure(row.figure),
        tag("td", row.aim.text, *_chip(row)) if row.aim.text else tag("td", "-"),
        tag("td", *beside, class_="number"),
        tag("td", f"{row.n:,}" if row.n else "-", class_="number"),
    )


def _figure(figure: Figure) -> Markup:
    interval = interval_text(figure)
    below = "" if interval == "-" else tag("small", interval, class_="interval")
    return tag("td", number(figure.value), below, class_="number")


def _chip(row: Row) -> tuple[str, ...]:
    if row.undecided:
        return (" ", tag("span", OPEN, class_="chip"))
    if row.met is None:
        return ()
    return (" ", tag("span", "met" if row.met else "missed", class_=f"chip met-{int(row.met)}"))


def all_controls(audit: Audit) -> Markup:
    """Return every control of every row, folded."""
    names = control_names(audit)
    rows = [
        tag("tr", tag("th", row.title, scope="row"), _figure(row.figure),
            *(_figure(row.controls.get(name, Figure())) for name in names))
        for row in audit.rows
        if row.controls
    ]  # fmt: skip
    table = tag("table", table_head(("row", "value", *names)), tag("tbody", *rows), class_="wide")
    scrolling = tag("div", table, class_="scroll", tabindex=0, role="region",
                    aria_label="All controls")  # fmt: skip
    return tag("details", tag("summary", "Every control"), scrolling)
