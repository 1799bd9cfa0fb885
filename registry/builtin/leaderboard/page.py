"""The leaderboard as one page that works from disk: sorted and filtered by a script of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from registry.builtin.leaderboard.entries import BoardEntry, Cell
from registry.builtin.leaderboard.text import (
    FACTS,
    datasets_of,
    in_order,
    milliseconds,
    parameters,
    percent,
    selection,
)
from registry.html.markup import Markup, joined, tag
from registry.html.page import html_page

__all__ = ["page"]


def page(entries: Sequence[BoardEntry]) -> str:
    """The whole page. Without its script it is a plain table of everything."""
    datasets = datasets_of(entries)
    return html_page(
        "Leaderboard",
        tag("header", tag("h1", "Leaderboard"), *_introduction()),
        tag("main", _filters(datasets), _table(entries, datasets)),
        style=_resource("leaderboard.css"),
        script=_resource("leaderboard.js"),
    )


def _resource(name: str) -> str:
    return resources.files("registry.builtin.leaderboard").joinpath(name).read_text("utf-8")


def _introduction() -> list[Markup]:
    reading = (
        "AUC in per cent, below it the 95 % interval and whether the detector learned from that"
        " data set. An average is over the data sets shown that a row has; their number stands"
        " below it."
    )
    kinds = (
        "Measured rows come from runs of bench eval, reported rows from publications. Their"
        " protocols differ: each kind is sorted separately, and the two are never ranked together."
    )
    return [tag("p", text, class_="soft") for text in (reading, kinds)]


def _filters(datasets: Sequence[str]) -> Markup:
    kinds = _choices("Kind", "kind", ("measured", "reported"))
    sets = _choices("Data sets", "dataset", datasets)
    status = tag("p", "", role="status", id="status", class_="soft")
    return tag("form", kinds, sets, status, id="filters", autocomplete="off", hidden=True)


def _choices(title: str, name: str, values: Sequence[str]) -> Markup:
    boxes = [
        tag("label", tag("input", type="checkbox", name=name, value=value, checked=True), value)
        for value in values
    ]
    return tag("fieldset", tag("legend", title), *boxes)


def _table(entries: Sequence[BoardEntry], datasets: Sequence[str]) -> Markup:
    heads = [
        _head("detector", "detector"),
        *(_head(name, f"dataset:{name}", dataset=name) for name in datasets),
        _head("average", "average"),
        *(_head(name, name) for name in FACTS),
    ]
    bodies = [
        _body(kind, in_order(entries, kind), datasets, len(heads))
        for kind in ("measured", "reported")
    ]
    caption = "Detectors by data set; the buttons in the header sort each kind separately."
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), *bodies)
    label = "Leaderboard"
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def _head(text: str, key: str, dataset: str | None = None) -> Markup:
    button = tag("button", text, type="button")
    return tag("th", button, scope="col", data_key=key, data_dataset=dataset)


def _body(kind: str, rows: Sequence[BoardEntry], datasets: Sequence[str], columns: int) -> Markup:
    title = {"measured": "Measured here", "reported": "Reported by others"}[kind]
    text = title if rows else f"{title}: no rows"
    group = tag("tr", tag("th", text, scope="rowgroup", colspan=columns), class_="group")
    return tag("tbody", group, *(_row(entry, datasets) for entry in rows), data_kind=kind)


def _row(entry: BoardEntry, datasets: Sequence[str]) -> Markup:
    chosen_on_test = entry.checkpoint_selection == "test"
    return tag(
        "tr",
        tag("th", entry.name, scope="row", data_value=entry.name.lower()),
        *(_cell(entry.cells.get(name)) for name in datasets),
        _average(entry),
        _fact(entry.level),
        _fact(selection(entry), class_="flag" if chosen_on_test else None),
        _fact(parameters(entry.parameters), entry.parameters),
        _fact(milliseconds(entry.seconds_per_frame), entry.seconds_per_frame),
        _fact(entry.crop, class_="whole"),
        _sha256(entry.weights_sha256),
        _fact(entry.date, class_="whole"),
        _fact(entry.protocol),
        _fact(entry.source),
    )


def _cell(cell: Cell | None) -> Markup:
    if cell is None:
        return tag("td", "-", class_="number")
    lines = [] if cell.low is None or cell.high is None else [_between(cell.low, cell.high)]
    domain = "domain unknown" if cell.domain == "unknown" else cell.domain
    small = [tag("small", text, class_="interval") for text in (*lines, domain)]
    value = f"{cell.auc:.6f}"
    return tag("td", percent(cell.auc), *small, class_="number", data_value=value)


def _between(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}"


def _average(entry: BoardEntry) -> Markup:
    value = entry.average
    if value is None:
        return tag("td", "-", class_="number average")
    small = tag("small", f"over {len(entry.cells)}", class_="interval")
    return tag("td", percent(value), small, class_="number average", data_value=f"{value:.6f}")


def _fact(text: str, number: float | None = None, class_: str | None = None) -> Markup:
    """A cell sorted by `number`, else by its text; what is unknown sorts last."""
    if text == "unknown":
        return tag("td", text, class_="unknown")
    value = text.lower() if number is None else f"{number:.9g}"
    return tag("td", text, class_=class_, data_value=value)


def _sha256(text: str) -> Markup:
    if len(text) < 64:
        return _fact(text)
    return tag("td", joined(tag("abbr", text[:12], title=text)), data_value=text)
