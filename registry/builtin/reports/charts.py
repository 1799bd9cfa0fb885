"""ROC curves and score histograms as SVG elements, styled by the page's CSS variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from registry.builtin.metrics import roc_points
from registry.html.markup import Markup, joined, tag

__all__ = ["MAX_CURVES", "bar_mark", "curve_mark", "histogram", "roc"]

MAX_CURVES = 6  # as many as have a colour and a dash pattern of their own

_LEFT, _TOP, _WIDE, _HIGH = 48.0, 12.0, 300.0, 300.0
_HALF = 110.0  # height of one half of a histogram
_BINS = 20
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def roc(
    labels: NDArray[np.int64], scores: Mapping[str, NDArray[np.float64]], *, title: str, name: str
) -> Markup:
    """Draw curves of the first `MAX_CURVES` variants; `name` makes ids unique in the page."""
    grid = joined(*(_grid_lines(tick) for tick in _TICKS))
    chance = _path([(_x(0), _y(0)), (_x(1), _y(1))], "chance")
    curves = [
        _path(_roc_path(labels, values), f"curve series-{index}")
        for index, values in enumerate(list(scores.values())[:MAX_CURVES])
    ]
    axes = joined(
        _label(_x(0.5), _TOP + _HIGH + 40, "false positive rate", "middle"),
        _turned_label(12, _y(0.5), "true positive rate"),
    )
    height = _TOP + _HIGH + 48
    # The detector's own curve comes first and is drawn last, on top.
    return _svg(height, title, name, grid, chance, *reversed(curves), axes)


def histogram(
    labels: NDArray[np.int64], scores: NDArray[np.float64], *, title: str, name: str
) -> Markup:
    """Draw the share of videos by score: reals upwards, fakes downwards and hatched."""
    shares = [_shares(scores[labels == label]) for label in (0, 1)]
    top = max(0.05, float(np.max(shares)))
    middle = _TOP + _HALF
    bars = [
        _bar(index, share / top * _HALF, label, middle, name)
        for label in (0, 1)
        for index, share in enumerate(shares[label])
        if share > 0
    ]
    axis = [_label(_x(tick), middle + _HALF + 18, f"{tick:g}", "middle") for tick in _TICKS]
    lines = [
        _line(_x(0), middle, _x(1), middle, "axis"),
        _line(_x(0.5), _TOP, _x(0.5), middle + _HALF, "chance"),
        _label(_LEFT - 6, _TOP + 9, f"{100 * top:.0f} %", "end"),
        _label(_LEFT - 6, middle + 4, "0", "end"),
        _label(_LEFT - 6, middle + _HALF, f"{100 * top:.0f} %", "end"),
        _label(_x(0.5), middle + _HALF + 38, "score (accuracy: 0.5 or more is fake)", "middle"),
    ]
    return _svg(middle + _HALF + 46, title, name, _hatch(name), *bars, *lines, *axis)


def curve_mark(index: int) -> Markup:
    """Return a short line in the style of the curve of this index."""
    return _mark(_line(1, 6, 35, 6, f"curve series-{index}"))


def bar_mark(label: int, name: str) -> Markup:
    """Return a small bar in the style of reals (0) or fakes (1) in the histogram `name`."""
    return _mark(_rectangle(label, name, x=1, y=1, width=34, height=10))


def _roc_path(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the polyline's corners in pixels; points on a straight run are dropped."""
    fpr, tpr = roc_points(labels, scores)
    points = np.stack([_LEFT + _WIDE * fpr, _TOP + _HIGH * (1 - tpr)], axis=1).round(1)  # (T, 2)
    points = points[np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))]
    step = np.diff(points, axis=0)
    turn = step[1:, 0] * step[:-1, 1] != step[1:, 1] * step[:-1, 0]
    corners = points[np.concatenate(([True], turn, [True]))]
    return [(float(x), float(y)) for x, y in corners]


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram(scores, bins=_BINS, range=(0.0, 1.0))
    return counts / max(1, scores.size)


def _bar(index: int, height: float, label: int, middle: float, name: str) -> Markup:
    width = _WIDE / _BINS
    return _rectangle(
        label,
        name,
        x=round(_LEFT + index * width + 0.75, 2),
        y=round(middle if label else middle - height, 2),
        width=width - 1.5,
        height=round(height, 2),
    )


def _rectangle(label: int, name: str, **place: float) -> Markup:
    fill = f"url(#{name}-hatch)" if label else None
    return tag("rect", class_="fake-bar" if label else "real-bar", fill=fill, **place)


def _mark(shape: Markup) -> Markup:
    return tag("svg", shape, class_="mark", viewBox="0 0 36 12", aria_hidden="true")


def _hatch(name: str) -> Markup:
    background = tag("rect", class_="hatch-ground", width=6, height=6)
    stripe = tag("path", class_="hatch-stripe", d="M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2")
    pattern = tag(
        "pattern",
        background,
        stripe,
        id=f"{name}-hatch",
        patternUnits="userSpaceOnUse",
        width=6,
        height=6,
    )
    return tag("defs", pattern)


def _grid_lines(tick: float) -> Markup:
    return joined(
        _line(_x(tick), _y(0), _x(tick), _y(1), "grid"),
        _line(_x(0), _y(tick), _x(1), _y(tick), "grid"),
        _label(_x(tick), _TOP + _HIGH + 18, f"{tick:g}", "middle"),
        _label(_LEFT - 6, _y(tick) + 4, f"{tick:g}", "end"),
    )


def _x(value: float) -> float:
    return _LEFT + _WIDE * value


def _y(value: float) -> float:
    return _TOP + _HIGH * (1 - value)


def _path(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    corners = "L".join(f"{x:g},{y:g}" for x, y in points)
    return tag("path", class_=class_, d=f"M{corners}")


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return tag("line", class_=class_, x1=x1, y1=y1, x2=x2, y2=y2)


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor)


def _turned_label(x: float, y: float, text: str) -> Markup:
    return tag("text", text, transform=f"translate({x:g} {y:g}) rotate(-90)", text_anchor="middle")


def _svg(height: float, title: str, name: str, *children: str) -> Markup:
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        *children,
        viewBox=f"0 0 {_LEFT + _WIDE + 16:g} {height:g}",
        role="img",
        aria_labelledby=f"{name}-title",
    )
