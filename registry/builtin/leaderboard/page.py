"""The leaderboard as one page that opens from disk, sorted and filtered by its own script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from registry.builtin.leaderboard.entries import BoardEntry, Cell
from registry.builtin.leaderboard.merged import Best, BoardRow, best_by_split, best_of, merged
from registry.builtin.leaderboard.text import (
    FACTS,
    datasets_of,
    milliseconds,
    parameters,
    percent,
    reals_only,
    remarks,
    rows_in_order,
    selection,
    split_text,
)
from registry.html.markup import Markup, joined, tag
from registry.html.page import html_page

__all__ = ["page"]

_FACTS_IN_VIEW = {"level", "split"}  # the others are behind the switch
_TITLES = {"measured": "Measured here", "reported": "Reported by others"}


def page(entries: Sequence[BoardEntry]) -> str:
    """Build the whole page. Without its script it is one plain table."""
    datasets = datasets_of(entries)
    return html_page(
        "Leaderboard",
        tag("header", tag("h1", "Leaderboard"), *_notes(entries), *_introduction()),
        tag("main", _filters(datasets), _table(merged(entries), datasets)),
        style=_resource("leaderboard.css"),
        script=_resource("leaderboard.js"),
    )


def _resource(name: str) -> str:
    return resources.files("registry.builtin.leaderboard").joinpath(name).read_text("utf-8")


def _notes(entries: Sequence[BoardEntry]) -> list[Markup]:
    return [tag("p", tag("strong", "Note: "), note, class_="note") for note in remarks(entries)]


def _introduction() -> list[Markup]:
    reading = (
        "AUC in per cent, with its 95 % interval below. In italics: in-domain, and so not averaged."
        " A star marks the best of its column."
    )
    averages = (
        "In-domain values are from data sets that the detector or its backbone was trained on. An"
        " average is over all other data sets shown that a row has, and their number is below it:"
        " averages over different data sets do not compare."
    )
    stars = (
        "A star marks the best value of a column among measured rows and among reported rows, if"
        " at least two rows of the same split compete and were not trained on that data set. An"
        " average competes with averages over the same data sets, and only those over the most"
        " data sets do. A run on a part of its data (--limit) does not compete."
    )
    kinds = (
        "Measured rows come from runs of bench eval, reported rows from publications. Their"
        " protocols differ: each kind is sorted separately, and the two are never ranked together."
    )
    rules = (tag("p", text, class_="soft") for text in (averages, stars, kinds))
    folded = tag("details", tag("summary", "How to read the table"), *rules)
    return [tag("p", reading, class_="soft"), folded]


def _filters(datasets: Sequence[str]) -> Markup:
    kinds = _choices("Kind", "kind", ("measured", "reported"))
    sets = _choices("Data sets", "dataset", datasets)
    box = tag("input", type="checkbox", name="details", value="shown")
    switch = tag("label", box, "Details: single runs and where numbers come from", class_="switch")
    status = tag("p", "", role="status", id="status", class_="soft")
    return tag("form", kinds, sets, switch, status, id="filters", autocomplete="off", hidden=True)


def _choices(title: str, name: str, values: Sequence[str]) -> Markup:
    boxes = [
        tag("label", tag("input", type="checkbox", name=name, value=value, checked=True), value)
        for value in values
    ]
    return tag("fieldset", tag("legend", title), *boxes)


def _table(rows: Sequence[BoardRow], datasets: Sequence[str]) -> Markup:
    heads = [
        _head("detector", "detector"),
        *(_head(name, f"dataset:{name}", dataset=name) for name in datasets),
        _head("average", "average"),
        *(_head(name, name, detail=name not in _FACTS_IN_VIEW) for name in FACTS),
    ]
    bodies = [_body(kind, rows, datasets, len(heads)) for kind in ("measured", "reported")]
    caption = "Detectors by data set; the buttons in the header sort each kind separately."
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), *bodies)
    label = "Leaderboard"
    return tag("div", table, class_="scroll board", tabindex=0, role="region", aria_label=label)


def _head(text: str, key: str, dataset: str | None = None, detail: bool = False) -> Markup:
    button = tag("button", text, type="button")
    class_ = "detail" if detail else None
    return tag("th", button, scope="col", class_=class_, data_key=key, data_dataset=dataset)


def _body(kind: str, rows: Sequence[BoardRow], datasets: Sequence[str], columns: int) -> Markup:
    own = rows_in_order(rows, kind)
    text = _TITLES[kind] if own else f"{_TITLES[kind]}: no rows"
    group = tag("tr", tag("th", text, scope="rowgroup", colspan=columns), class_="group")
    bests = best_by_split(rows, kind)
    lines = [line for row in own for line in _detector(row, datasets, best_of(bests, row.entry))]
    return tag("tbody", group, *lines, data_kind=kind)


def _detector(row: BoardRow, datasets: Sequence[str], best: Best) -> list[Markup]:
    """Return the row of a detector, followed by those of its single runs, if any."""
    entry = row.entry
    under = f"{len(row.runs)} runs" if len(row.runs) > 1 else f"run {entry.run}"
    small = [tag("small", under, class_="interval detail")] if row.runs and entry.run else []
    name = tag("a", entry.name, href=entry.link) if _is_address(entry.link) else entry.name
    head = tag("th", name, *small, scope="row", data_value=entry.name.lower())
    split = entry.split if entry.limit is None else None  # which rows the script compares
    lines = [tag("tr", head, *_cells(entry, datasets, best), data_split=split)]
    if len(row.runs) > 1:
        nothing = Best()
        lines += [
            tag("tr", tag("th", f"run {run.run}", scope="row"), *_cells(run, datasets, nothing),
                class_="run")
            for run in row.runs
        ]  # fmt: skip
    return lines


def _is_address(link: str) -> bool:
    return link.lower().startswith("https://")


def _cells(entry: BoardEntry, datasets: Sequence[str], best: Best) -> list[Markup]:
    chosen_on_test = entry.checkpoint_selection == "test"
    return [
        *(_cell(entry.cells.get(name), best.values.get(name)) for name in datasets),
        _average(entry, best.average),
        _fact(entry.level),
        _fact(split_text(entry)),
        _fact(selection(entry), class_="flag" if chosen_on_test else ""),
        _fact(parameters(entry.parameters), entry.parameters),
        _fact(milliseconds(entry.seconds_per_frame), entry.seconds_per_frame),
        _fact(entry.crop, class_="whole"),
        _sha256(entry.weights_sha256),
        _fact(entry.date, class_="whole"),
        _fact(entry.protocol),
        _source(entry),
    ]


def _cell(cell: Cell | None, best: float | None) -> Markup:
    if cell is None:
        return tag("td", "-", class_="number")
    lines = [] if cell.low is None or cell.high is None else [_between(cell.low, cell.high)]
    domain = "domain unknown" if cell.domain == "unknown" else cell.domain
    small = [tag("small", text, class_="interval") for text in (*lines, domain)]
    value = f"{cell.auc:.6f}"
    class_ = "number seen" if cell.in_domain else "number best" if cell.auc == best else "number"
    return tag("td", tag("span", percent(cell.auc)), *small, class_=class_, data_value=value)


def _between(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}"


def _average(entry: BoardEntry, best: tuple[frozenset[str], float] | None) -> Markup:
    value = entry.average
    if value is None:
        return tag("td", "reals only" if reals_only(entry) else "-", class_="number average")
    small = tag("small", f"over {len(entry.averaged)}", class_="interval")
    is_best = best == (entry.averaged, value)
    class_ = "number average best" if is_best else "number average"
    return tag("td", tag("span", percent(value)), small, class_=class_, data_value=f"{value:.6f}")


def _fact(text: str, number: float | None = None, class_: str = "") -> Markup:
    """Return a cell sorted by `number`, else by its text; unknown values sort last."""
    if text == "unknown":
        return tag("td", text, class_="unknown")
    value = text.lower() if number is None else f"{number:.9g}"
    return tag("td", text, class_=class_ or None, data_value=value)


def _sha256(text: str) -> Markup:
    if len(text) < 64:
        return _fact(text)
    return tag("td", joined(tag("abbr", text[:12], title=text)), data_value=text)


def _source(entry: BoardEntry) -> Markup:
    if not _is_address(entry.source_link):
        return _fact(entry.source)
    link = tag("a", entry.source, href=entry.source_link)
    return tag("td", link, data_value=entry.source.lower())
