"""One table of methods by variants, and the outcome of a threshold on the videos."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from registry.builtin.reports.html_tables import row_class, row_head
from registry.builtin.reports.terminal import headline_metrics, metric_title
from registry.html.markup import Markup, table_head, tag
from registry.results.aggregation import Units
from registry.results.measure import Measurement
from registry.results.result import Result

__all__ = ["confusion", "method_table", "threshold_at", "threshold_table"]

_WIDE, _HIGH = 160.0, 16.0
_FALSE_ALARMS = 0.05  # of reals, at the second threshold


def method_table(result: Result) -> Markup:
    """Return the first metric of every variant for every method, as a number, a dot and its
    interval.
    """
    metric, level = headline_metrics(result)[0], result.settings.levels[0]
    found = {
        (each.dataset, each.method, each.variant): each
        for each in result.select(metric=metric, level=level)
    }
    keys = list(dict.fromkeys((dataset, method) for dataset, method, _ in found))
    body = [
        tag(
            "tr",
            row_head(result, dataset, method),
            *(_cell(found.get((dataset, method, name))) for name in result.variants),
            class_=row_class(result, dataset, method),
        )
        for dataset, method in keys
    ]
    title = f"{metric_title(metric)} per {level}; a dot for the value, a line for its interval"
    heads = ("data set, method", *result.variants)
    table = tag("table", tag("caption", title), table_head(heads), tag("tbody", *body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=title)


def _cell(each: Measurement | None) -> Markup:
    if each is None or each.value is None:
        return tag("td", "n/a")
    low, high = (each.value if end is None else end for end in (each.low, each.high))
    text = f"{each.value:.3f}"
    if each.low is not None:
        text += f", interval {low:.3f} to {high:.3f}"
    plot = tag(
        "svg",
        tag("line", x1=_WIDE / 2, x2=_WIDE / 2, y1=0, y2=_HIGH, class_="chance"),
        tag("line", x1=_x(low), x2=_x(high), y1=_HIGH / 2, y2=_HIGH / 2, class_="axis"),
        tag("circle", cx=_x(each.value), cy=_HIGH / 2, r=4, class_="real-bar"),
        viewBox=f"-5 0 {_WIDE + 10:g} {_HIGH:g}",
        role="img",
        aria_label=text,
        class_="dot-plot",
    )
    return tag("td", f"{each.value:.3f} ", plot, class_="dotted")


def _x(value: float) -> float:
    return _WIDE * min(1.0, max(0.0, value))


# --- thresholds ------------------------------------------------------------------------------


def threshold_at(labels: NDArray[np.int64], scores: NDArray[np.float64], share: float) -> float:
    """Return the lowest threshold that at most `share` of the reals reach."""
    reals = np.sort(scores[labels == 0])[::-1]
    allowed = int(np.floor(share * len(reals) + 1e-9))
    if allowed >= len(reals):
        return 0.0
    return float(np.nextafter(reals[allowed], np.inf))


def confusion(
    labels: NDArray[np.int64], scores: NDArray[np.float64], threshold: float
) -> tuple[int, int, int, int]:
    """Return fakes found, fakes missed, reals passed, reals called fake, at scores >= threshold."""
    fake, flagged = labels == 1, scores >= threshold
    pairs = ((fake, flagged), (fake, ~flagged), (~fake, ~flagged), (~fake, flagged))
    found, missed, passed, alarms = (int((one & other).sum()) for one, other in pairs)
    return found, missed, passed, alarms


def threshold_table(videos: Units, detector: str, dataset: str, number: int) -> Markup:
    """Return counts at 0.5, at 5 % false alarms, and at a threshold that a slider sets.

    `number` tells the sliders of a page's data sets from one another.
    """
    labels, scores = videos.label, videos.scores[detector]
    rows = [_counts("0.5", labels, scores, 0.5)]
    if (labels == 0).any():
        at = threshold_at(labels, scores, _FALSE_ALARMS)
        rows.append(_counts(f"{at:.3f}, false alarms at most 5 %", labels, scores, at))
    rows.append(_own(labels, scores, f"threshold-{number}"))
    heads = ("threshold", "fakes found", "fakes missed", "reals passed", "reals called fake")
    caption = f"Videos of {dataset} above and below a threshold"
    table = tag("table", tag("caption", caption), table_head(heads), tag("tbody", *rows))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _counts(
    name: str, labels: NDArray[np.int64], scores: NDArray[np.float64], threshold: float
) -> Markup:
    cells = [tag("td", f"{n:,}", class_="number") for n in confusion(labels, scores, threshold)]
    return tag("tr", tag("th", name, scope="row"), *cells)


def _own(labels: NDArray[np.int64], scores: NDArray[np.float64], name: str) -> Markup:
    """Return a row that the page's script fills; it is hidden without the script."""
    head = [
        tag("label", "your own ", for_=name),
        tag("input", type="range", id=name, min=0, max=1, step=0.01, value=0.5),
        tag("output", "0.50", for_=name),
    ]
    return tag(
        "tr",
        tag("th", *head, scope="row"),
        *(tag("td", "", class_="number") for _ in range(4)),
        class_="own",
        hidden=True,
        data_fake=" ".join(_texts(scores[labels == 1])),
        data_real=" ".join(_texts(scores[labels == 0])),
    )


def _texts(scores: NDArray[np.float64]) -> Iterator[str]:
    return (f"{score:.4g}" for score in scores.tolist())
