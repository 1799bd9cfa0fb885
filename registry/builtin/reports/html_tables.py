"""The tables of the HTML report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from registry.builtin.reports.terminal import metric_title, reasons
from registry.contracts.types import ALL_METHODS
from registry.html.markup import Markup, breakable, joined, table_head, tag
from registry.results.aggregation import Units
from registry.results.measure import Count, Measurement
from registry.results.profiles import STRICT
from registry.results.result import Result

__all__ = [
    "correlation_table",
    "counts_table",
    "errors_table",
    "groups_table",
    "interval_text",
    "row_class",
    "row_head",
    "variant_section",
]


def variant_section(result: Result, variant: str, anchor: str) -> Markup:
    """Return everything measured for one variant: per video, and folded, per frame."""
    title = f"{variant} (the detector)" if variant == result.settings.detector else variant
    levels = [each for each in ("video", "frame") if each in result.settings.levels]
    found = {level: result.select(variant=variant, level=level) for level in levels}
    blocks = [_level_block(result, found[level], level) for level in levels[:1]]
    for level in levels[1:]:
        if _same_numbers(found[levels[0]], found[level]):
            text = "Every video here is a single frame, so the numbers per frame are the same."
            blocks.append(tag("p", text, class_="soft"))
        else:
            block = _level_block(result, found[level], level)
            blocks.append(tag("details", tag("summary", f"Per {level}"), block))
    return tag("section", tag("h3", title), *blocks, id=anchor)


def counts_table(result: Result) -> Markup:
    """Return the counts that the other tables are based on."""
    columns = ("real videos", "fake videos", "frames", "faces", "error rows", "videos left out")
    rows = [
        (each, [each.reals, each.fakes, each.frames, each.faces, _errors(each), each.left_out])
        for each in result.counts
    ]
    body = [
        tag(
            "tr",
            row_head(result, each.dataset, each.method),
            *(tag("td", f"{value:,}", class_="number") for value in values),
            class_=row_class(result, each.dataset, each.method),
        )
        for each, values in rows
    ]
    return _table(
        "Videos with a score, by data set; a method's row counts its fakes and all reals.",
        ("data set, method", *columns),
        body,
    )


def groups_table(result: Result) -> Markup:
    """Return which methods each group pools; nothing without groups."""
    body = [
        tag(
            "tr",
            tag("th", breakable(each.name), scope="row"),
            tag("td", breakable(each.dataset)),
            tag("td", breakable(", ".join(each.methods))),
        )
        for each in result.groups
    ]
    caption = "Groups: the fakes of these methods together form one more row, against all reals."
    return _table(caption, ("group", "data set", "methods"), body) if body else Markup("")


def errors_table(result: Result) -> Markup:
    """Return rows without a score by data set and reason; a sentence if there are none."""
    body = [
        tag(
            "tr",
            tag("th", breakable(each.dataset), scope="row"),
            tag("td", reason),
            tag("td", f"{number:,}", class_="number"),
        )
        for each in result.counts
        if each.method == ALL_METHODS
        for reason, number in sorted(each.errors.items(), key=lambda item: (-item[1], item[0]))
    ]
    if not body:
        return tag("p", "No errors: every frame was read and has a face with a score.")
    caption = "Rows without a score. They are not part of the numbers above."
    return _table(caption, ("data set", "reason", "rows"), body)


def correlation_table(videos: Units, detector: str) -> Markup | None:
    """Tabulate Pearson's r of every two part scores over videos; None with fewer than two parts."""
    prefix = f"{detector}:"
    parts = [name for name in videos.scores if name.startswith(prefix)]
    if len(parts) < 2:
        return None
    body = []
    for dataset in dict.fromkeys(videos.dataset.tolist()):
        own = videos.take(videos.dataset == dataset)
        for one, other in combinations(parts, 2):
            names = f"{one.removeprefix(prefix)}, {other.removeprefix(prefix)}"
            cells = [
                _correlation(own.scores[one][chosen], own.scores[other][chosen])
                for chosen in (own.label >= 0, own.label == 0, own.label == 1)
            ]
            body.append(
                tag("tr", tag("th", breakable(dataset), scope="row"), tag("td", names), *cells)
            )
    caption = (
        "Correlation (Pearson's r) of part scores over videos. Near 1 the parts rise and"
        " fall together: their scores then show how fake the face is, not which part of"
        " it."
    )
    return _table(caption, ("data set", "parts", "all", "reals", "fakes"), body)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> Markup:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        reason = "fewer than three videos, or scores that are all equal"
        return tag("td", tag("abbr", "n/a", title=reason), class_="number")
    return tag("td", f"{np.corrcoef(one, other)[0, 1]:.2f}", class_="number")


def interval_text(each: Measurement) -> str:
    """Format an interval: `0.613 to 0.714`, or an empty string."""
    return "" if each.low is None or each.high is None else f"{each.low:.3f} to {each.high:.3f}"


def _level_block(result: Result, found: tuple[Measurement, ...], level: str) -> Markup:
    metrics = dict.fromkeys(each.metric for each in found)
    body = []
    for (dataset, method), group in groupby(found, key=lambda each: (each.dataset, each.method)):
        cells = list(group)
        body.append(
            tag(
                "tr",
                row_head(result, dataset, method),
                *(_value(each) for each in cells),
                tag("td", f"{cells[0].reals:,}", class_="number"),
                tag("td", f"{cells[0].fakes:,}", class_="number"),
                class_=row_class(result, dataset, method),
            )
        )
    strict = result.settings.profile == STRICT
    intervals = ", with 95 % intervals" * bool(result.settings.draws)
    rest = f"{intervals}. A method is measured against all reals." if strict else "."
    caption = f"Per {level}{rest}"
    header = ("data set, method", *map(metric_title, metrics), "reals", "fakes")
    missing = [tag("li", line) for line in reasons(found, result.settings.draws)] if strict else []
    return joined(
        _table(caption, header, body, f"{found[0].variant} per {level}"),
        tag("ul", *missing, class_="soft") if missing else "",
    )


def _value(each: Measurement) -> Markup:
    if each.value is None:
        return tag("td", tag("abbr", "n/a", title=each.reason))
    interval = interval_text(each)
    small = tag("small", interval, class_="interval") if interval else ""
    return tag("td", f"{each.value:.3f}", small)


def _table(
    caption: str, header: Sequence[str], body: Sequence[Markup], label: str | None = None
) -> Markup:
    """Return a table that scrolls by itself where the page is narrow, by keyboard too.

    No two tables of a page may have one `label`, which is the caption where none is given.
    """
    table = tag("table", tag("caption", caption), table_head(header), tag("tbody", *body))
    return tag(
        "div", table, class_="scroll", tabindex=0, role="region", aria_label=label or caption
    )


def row_head(result: Result, dataset: str, method: str) -> Markup:
    """Return the first cell of a row: a data set, or a method or group within it."""
    name = f"group {method}" if result.pooled_in(dataset, method) else method
    return tag("th", breakable(dataset if method == ALL_METHODS else name), scope="row")


def row_class(result: Result, dataset: str, method: str) -> str:
    """Return the style of a row: a whole data set, a method of it, or a group of methods."""
    if method == ALL_METHODS:
        return "whole"
    return "pool" if result.pooled_in(dataset, method) else "part"


def _errors(each: Count) -> int:
    return sum(each.errors.values())


def _same_numbers(first: Sequence[Measurement], second: Sequence[Measurement]) -> bool:
    return all(
        (a.value, a.low, a.high, a.reals, a.fakes) == (b.value, b.low, b.high, b.reals, b.fakes)
        for a, b in zip(first, second, strict=True)
    )
