"""The leaderboard as Markdown and CSV, and the text of its cells in every format."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from registry.builtin.leaderboard.entries import BoardEntry, Cell
from registry.builtin.leaderboard.merged import BoardRow, best_by_split, best_of, merged
from registry.untrusted import csv_cell, markdown_cell

__all__ = [
    "FACTS",
    "as_csv",
    "as_markdown",
    "datasets_of",
    "in_order",
    "milliseconds",
    "parameters",
    "percent",
    "reals_only",
    "remarks",
    "rows_in_order",
    "selection",
    "split_text",
    "terminal_rows",
]

FACTS = (
    "level",
    "split",
    "checkpoint selection",
    "parameters",
    "time per frame",
    "crop",
    "weights sha256",
    "date",
    "protocol",
    "source",
)


_DIGITS = 6  # of the CSV
_FIRST = ("FaceForensics++", "Celeb-DF-v2", "DFDC", "DFDCP", "FFIW", "DFD")


def datasets_of(entries: Sequence[BoardEntry]) -> list[str]:
    """Return the columns: data sets that were measured here first, then those reported by others.

    Of both the field's usual ones come first, then the others by name.
    """
    names = {name for entry in entries for name in entry.cells}
    measured = {name for entry in entries if entry.kind == "measured" for name in entry.cells}

    def place(name: str) -> tuple[bool, int, str]:
        return name not in measured, _FIRST.index(name) if name in _FIRST else len(_FIRST), name

    return sorted(names, key=place)


def in_order(entries: Sequence[BoardEntry], kind: str) -> list[BoardEntry]:
    """Sort one kind's rows: those that average over most data sets first, then by average.

    Whole runs come before those on a part of their data, and test before other splits.
    """
    own = [entry for entry in entries if entry.kind == kind]
    return sorted(own, key=_rank)


def _rank(entry: BoardEntry) -> tuple[bool, str, int, float, str]:
    split = "" if entry.split == "test" else entry.split
    by_average = (-len(entry.averaged), -(entry.average or 0), entry.name)
    return entry.limit is not None, split, *by_average


def rows_in_order(rows: Sequence[BoardRow], kind: str) -> list[BoardRow]:
    """Return one kind's detectors in the order of `in_order`."""
    by_entry = {id(row.entry): row for row in rows}
    return [by_entry[id(entry)] for entry in in_order([row.entry for row in rows], kind)]


def percent(value: float | None) -> str:
    """Return an AUC in per cent, two decimals."""
    return "-" if value is None else f"{100 * value:.2f}"


def reals_only(entry: BoardEntry) -> bool:
    """Say whether a run has no AUC because its data has no fakes."""
    return bool(entry.reals) and not entry.cells


def _average(entry: BoardEntry, star: str = "") -> str:
    """Format the average and over how many data sets it is: `81.20* (3)`."""
    if reals_only(entry):
        return "reals only"
    return f"{percent(entry.average)}{star} ({len(entry.averaged)})"


def parameters(count: int | None) -> str:
    """Format a number of parameters: `17.6 M`, or `unknown`."""
    return "unknown" if count is None else f"{count / 1e6:.1f} M"


def milliseconds(seconds: float | None) -> str:
    """Format a time: `12.3 ms`, or `unknown`."""
    return "unknown" if seconds is None else f"{1000 * seconds:.1f} ms"


def selection(entry: BoardEntry) -> str:
    """Say on what data the checkpoint was chosen; test data is flagged."""
    chosen = entry.checkpoint_selection
    return "test: chosen on test data!" if chosen == "test" else chosen


def split_text(entry: BoardEntry) -> str:
    """Name the split of a run, and how much of it was scored: `test`, or `test, --limit 20`."""
    return (entry.split or "-") + ("" if entry.limit is None else f", --limit {entry.limit}")


def remarks(entries: Sequence[BoardEntry]) -> list[str]:
    """Say which runs' numbers are in doubt, rest on a part of the data or on reals alone, or are
    of other splits.
    """
    own = [entry for entry in entries if entry.kind == "measured"]
    found = [f"{each.name}: {each.doubt}." for each in own if each.doubt]
    found += [
        f"{each.name}: scored only a part of its data (--limit {each.limit}); it gets no star."
        for each in own
        if each.limit is not None
    ]
    found += [
        f"{each.name}: no AUC on {name}, which has reals only: {text}."
        for each in own
        for name, text in each.reals.items()
    ]
    splits = list(dict.fromkeys(entry.split for entry in own))
    if len(splits) > 1:
        found.append(
            f"The runs are of different splits ({', '.join(splits)}): only rows of one split"
            " compare, and each split has its own stars."
        )
    return found


def as_markdown(entries: Sequence[BoardEntry]) -> str:
    """Format detectors measured and reported, then single runs, with their sources."""
    datasets = datasets_of(entries)
    reading = (
        "AUC in %, in brackets 95 % intervals. Measured rows come from runs of `bench eval`,"
        " reported rows from publications; protocols differ, so the two are not ranked together."
        " Averages are over the data sets that a row's detector was not trained on, whose number"
        " is in parentheses."
    )
    lines = ["# Leaderboard", "", reading]
    lines += [f"\nNote: {markdown_cell(note)}" for note in remarks(entries)]
    rows = merged(entries)
    for kind in ("measured", "reported"):
        own = [row.entry for row in rows_in_order(rows, kind)]
        lines += ["", f"## {kind.capitalize()}", ""]
        lines += _markdown_table(own, datasets) if own else ["No rows."]
    if runs := [run for row in rows_in_order(rows, "measured") for run in row.runs]:
        lines += ["", "## Single runs", "", *_markdown_table(runs, datasets)]
    return "\n".join(lines) + "\n"


def _markdown_table(rows: Sequence[BoardEntry], datasets: Sequence[str]) -> list[str]:
    header = ["detector", *datasets, "average", *FACTS]
    body = [
        [
            entry.name,
            *(_markdown_cell(entry.cells.get(name)) for name in datasets),
            _average(entry),
            entry.level,
            split_text(entry),
            selection(entry),
            parameters(entry.parameters),
            milliseconds(entry.seconds_per_frame),
            entry.crop,
            entry.weights_sha256[:12],
            entry.date,
            entry.protocol,
            entry.source,
        ]
        for entry in rows
    ]
    return [_markdown_row(row) for row in (header, ["---"] * len(header), *body)]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown_cell, cells))} |"


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    around = ""
    if cell.low is not None and cell.high is not None:
        around = f" [{percent(cell.low)} {percent(cell.high)}]"
    domain = "domain unknown" if cell.domain == "unknown" else cell.domain
    return f"{percent(cell.auc)}{around} {domain}"


def as_csv(entries: Sequence[BoardEntry]) -> str:
    """Return a line per row: AUC in [0, 1], interval and domain of each data set, empty if unknown,
    and what data sets with reals only have instead; six decimals.
    """
    datasets = datasets_of(entries)
    parts = ("auc", "low", "high", "domain")
    header = [
        *("kind", "name"),
        *(f"{name} {part}" for name in datasets for part in parts),
        *("average", "average over", "level", "split", "limit", "checkpoint selection"),
        "parameters",
        *("seconds per frame", "crop", "weights sha256", "date", "protocol", "source"),
        "reals only",
    ]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_cell, header))
    for entry in [*in_order(entries, "measured"), *in_order(entries, "reported")]:
        cells = [entry.cells.get(name) for name in datasets]
        writer.writerow(
            [
                *(entry.kind, csv_cell(entry.name)),
                *(_csv_value(cell, part) for cell in cells for part in parts),
                *(_rounded(entry.average), len(entry.averaged)),
                *map(csv_cell, (entry.level, entry.split)),
                *(entry.limit, csv_cell(entry.checkpoint_selection)),
                *(entry.parameters, _rounded(entry.seconds_per_frame)),
                *map(csv_cell, (entry.crop, entry.weights_sha256)),
                *map(csv_cell, (entry.date, entry.protocol, entry.source)),
                csv_cell("; ".join(f"{name}: {text}" for name, text in entry.reals.items())),
            ]
        )
    return stream.getvalue()


def _csv_value(cell: Cell | None, part: str) -> str | float | None:
    value = getattr(cell, part, "")
    return csv_cell(value) if isinstance(value, str) else _rounded(value)


def _rounded(value: float | None) -> float | None:
    """Leave out the digits that sums of floats add: 0.7665000000000001."""
    return None if value is None else round(value, _DIGITS)


# --- terminal --------------------------------------------------------------------------------


def terminal_rows(
    rows: Sequence[BoardRow], kind: str, datasets: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Return header and lines of one kind's table: AUC in per cent, `*` the best, `i` in-domain."""
    bests, measured = best_by_split(rows, kind), kind == "measured"
    lines = []
    for row in rows_in_order(rows, kind):
        entry = row.entry
        best = best_of(bests, entry)
        cells = [_marked(entry.cells.get(name), best.values.get(name)) for name in datasets]
        star = "*" if best.average == (entry.averaged, entry.average) else ""
        of_run = [split_text(entry), entry.run] if measured else []
        lines.append([entry.name, *cells, _average(entry, star), entry.level, *of_run])
    header = ["detector", *datasets, "average (over)", "level"]
    return ([*header, "split", "runs"] if measured else header), lines


def _marked(cell: Cell | None, best: float | None) -> str:
    if cell is None:
        return "-"
    if cell.in_domain:
        return f"{percent(cell.auc)}i"
    return f"{percent(cell.auc)}{'*' if cell.auc == best else ''}"
