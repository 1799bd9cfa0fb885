"""Figures against the severity of a corruption, as a table and as a page with plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from registry.console import print_table, say
from registry.files import write_text
from registry.html.markup import Markup, joined, table_head, tag
from registry.html.page import html_page
from registry.results.figure import CountedFigure, figure_text
from registry.results.robustness import CLEAN, CORRUPTED, FIGURES, Dose

__all__ = ["Dose", "print_robustness", "write_robustness"]

_LEFT, _TOP, _WIDE, _HIGH = 44.0, 12.0, 240.0, 160.0
_SEVERITIES = 5
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STYLE = """
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.plots figure { margin: 0; max-width: 22rem; flex: 1 1 18rem; }
.plots svg { width: 100%; height: auto; }
.plots .edge { stroke: currentColor; opacity: .25; }
.plots .curve { fill: none; stroke-width: 2; }
.plots .bar { stroke-width: 1.5; opacity: .55; }
.key i { display: inline-block; width: 1.5rem; height: .3rem; margin-right: .4rem; }
.key span { margin-right: 1rem; white-space: nowrap; }
"""


def print_robustness(rows: Sequence[Dose], about: str = "") -> None:
    """Print a table for each data set, a row for each condition, then a sentence `about` them."""
    for dataset, own in _by_dataset(rows).items():
        print_table(f"{dataset} under corruptions", _header(), [_cells(row) for row in own])
    if about:
        say(about)


def write_robustness(rows: Sequence[Dose], folder: Path, about: str = "") -> Path:
    """Write corrupted.html, with a plot of each figure against severity, into a folder; its path.

    The first row of each data set is that without any corruption.
    """
    path = folder / f"{CORRUPTED}.html"
    sections = [
        tag("section", tag("h2", dataset), _plots(own), _table(own))
        for dataset, own in _by_dataset(rows).items()
    ]
    intro = tag(
        "p",
        "Every frame was damaged after it was decoded and before the face was cropped."
        " Severity 0 is the undamaged data; bars are 95 % intervals over people, or over"
        " videos.",
    )
    notes = [intro, *([tag("p", about)] if about else [])]
    main = tag("main", tag("h1", "Robustness"), *notes, *sections)
    page = html_page("Robustness", main, style=_STYLE)
    write_text(path, page)
    return path


def _by_dataset(rows: Sequence[Dose]) -> dict[str, list[Dose]]:
    found: dict[str, list[Dose]] = {}
    for row in rows:
        found.setdefault(row.dataset, []).append(row)
    return found


def _header() -> list[str]:
    return ["condition", "dose", *FIGURES.values()]


def _cells(row: Dose) -> list[str]:
    return [row.condition, row.dose, *(figure_text(row.figures[key]) for key in FIGURES)]


def _table(rows: Sequence[Dose]) -> Markup:
    body = (tag("tr", *(tag("td", cell) for cell in _cells(row))) for row in rows)
    return tag("table", table_head(_header()), tag("tbody", *body))


def _plots(rows: Sequence[Dose]) -> Markup:
    """Return a plot for each figure that has values, with a curve for each corruption."""
    clean = next(row for row in rows if row.condition == CLEAN)
    families: dict[str, list[Dose]] = {}
    for row in rows:
        if row.severity:
            families.setdefault(row.family, [clean]).append(row)
    if not families:
        return Markup("")
    key = tag(
        "p",
        *(
            tag("span", tag("i", style=f"background:{_colour(at)}"), name)
            for at, name in enumerate(families)
        ),
        class_="key",
    )
    names = [name for name in FIGURES if clean.figures[name].value is not None]
    figures = (
        tag("figure", _plot(name, families), tag("figcaption", FIGURES[name])) for name in names
    )
    return joined(key, tag("div", *figures, class_="plots"))


def _plot(name: str, families: Mapping[str, Sequence[Dose]]) -> Markup:
    curves = [
        mark
        for at, rows in enumerate(families.values())
        for mark in _curve([(row.severity or 0, row.figures[name]) for row in rows], _colour(at))
    ]
    return tag(
        "svg",
        tag("title", f"{FIGURES[name]} by severity"),
        *_axes(),
        *curves,
        viewBox=f"0 0 {_LEFT + _WIDE + 12:g} {_TOP + _HIGH + 34:g}",
        role="img",
    )


def _axes() -> list[Markup]:
    marks = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(tick)
        marks.append(tag("line", class_="edge", x1=_LEFT, x2=_LEFT + _WIDE, y1=y, y2=y))
        marks.append(tag("text", f"{tick:g}", x=_LEFT - 6, y=y + 4, text_anchor="end"))
    for severity in range(_SEVERITIES + 1):
        x = _x(severity)
        marks.append(tag("text", str(severity), x=x, y=_y(0) + 18, text_anchor="middle"))
    return marks


def _curve(points: Sequence[tuple[int, CountedFigure]], colour: str) -> list[Markup]:
    at = sorted((severity, each) for severity, each in points if each.value is not None)
    path = "L".join(f"{_x(severity):g},{_y(each.value or 0.0):g}" for severity, each in at)
    bars = [
        tag(
            "line",
            class_="bar",
            stroke=colour,
            x1=_x(s),
            x2=_x(s),
            y1=_y(each.low),
            y2=_y(each.high),
        )
        for s, each in at
        if each.low is not None and each.high is not None
    ]
    return [tag("path", class_="curve", stroke=colour, d=f"M{path}"), *bars] if at else []


def _colour(at: int) -> str:
    return _COLOURS[at % len(_COLOURS)]


def _x(severity: float) -> float:
    return round(_LEFT + 8 + (_WIDE - 16) * severity / _SEVERITIES, 1)


def _y(value: float) -> float:
    return round(_TOP + _HIGH * (1 - value), 1)
