"""report.html: a run as one page that needs no network and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from registry.builtin.reports.charts import MAX_CURVES, bar_mark, curve_mark, histogram, roc
from registry.builtin.reports.gallery import error_gallery
from registry.builtin.reports.html_tables import (
    correlation_table,
    counts_table,
    errors_table,
    groups_table,
    interval_text,
    variant_section,
)
from registry.builtin.reports.origin import fold, provenance_section, section
from registry.builtin.reports.overview import method_table, threshold_table
from registry.builtin.reports.terminal import (
    headline_metrics,
    metric_title,
    what_none_means,
    why_no_verdicts,
)
from registry.contracts.types import ALL_METHODS
from registry.files import write_text
from registry.html.markup import Markup, breakable, joined, table_head, tag
from registry.html.page import html_page
from registry.results.aggregation import Units
from registry.results.figure import figure_text
from registry.results.predictions import PREDICTIONS, read_predictions
from registry.results.profiles import STRICT, scored_units
from registry.results.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["REPORT", "write_html"]

REPORT = "report.html"
_STYLE = """
[hidden] { display: none !important; }
input[type="range"] { width: 9rem; vertical-align: middle; accent-color: var(--accent); }
input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.dotted { white-space: nowrap; }
svg.dot-plot { display: inline-block; width: 6rem; vertical-align: middle; margin-left: .4rem; }
tr.own output { font-variant-numeric: tabular-nums; }
"""


def write_html(result: Result, folder: Path) -> Path:
    """Write report.html into the run folder; the curves come from the predictions beside it."""
    path = folder / REPORT
    page = _page(result, _predictions(folder))
    write_text(path, page)
    return path


def _predictions(folder: Path) -> pa.Table | None:
    return read_predictions(folder)[0] if (folder / PREDICTIONS).is_file() else None


def _page(result: Result, table: pa.Table | None) -> str:
    title = _title(result)
    videos = None if table is None else scored_units(table, result.settings)["video"]
    main = tag(
        "main",
        *(tag("p", tag("strong", "Note: "), note, class_="note") for note in result.notes),
        _headline(result),
        _reading(result),
        section("Methods and variants", "methods", method_table(result)),
        _figures(result, videos),
        _reals(result),
        _parts(result, videos),
        _errors(result, table),
        _measurements(result),
        section(
            "Counts and errors",
            "counts",
            errors_table(result),
            fold("Counts by data set and method", counts_table(result)),
        ),
        provenance_section(result),
    )
    script = resources.files("registry.builtin.reports").joinpath("report.js").read_text("utf-8")
    return html_page(
        title, _header(result, title), main, _footer(result), style=_STYLE, script=script
    )


def _reals(result: Result) -> Markup:
    """Return false alarms by data set, and the AUC of fakes against the reals of other sets."""
    tables = [*_alarms(result), *_pairs(result)]
    return section("Real faces", "reals", *tables) if tables else Markup()


def _alarms(result: Result) -> list[Markup]:
    if not result.sources:
        return []
    judged = any(each.manipulated.value is not None for each in result.sources)
    heads = ["reals of", "videos", "above 0.5"]
    heads += ["called MANIPULATED", "unlike any reference real face"] if judged else []
    rows = [
        [each.dataset, str(each.above_half.count), figure_text(each.above_half)]
        + ([figure_text(each.manipulated), figure_text(each.incomparable)] if judged else [])
        for each in result.sources
    ]
    remarks = filter(None, (what_none_means(result), why_no_verdicts(result)))
    return [
        _plain_table("False alarms by source", heads, rows),
        *(tag("p", remark, class_="soft") for remark in remarks),
    ]


def _pairs(result: Result) -> list[Markup]:
    if not result.across:
        return []
    fakes = list(dict.fromkeys(each.fakes_of for each in result.across))
    by_pair = {(each.reals_of, each.fakes_of): each.auc for each in result.across}
    reals = list(dict.fromkeys(each.reals_of for each in result.across))
    rows = [[one, *(figure_text(by_pair[one, other]) for other in fakes)] for one in reals]
    title = "Cross-AUC: reals of a row against fakes of a column"
    return [_plain_table(title, ["reals of", *map(breakable, fakes)], rows)]


def _plain_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    body = [
        tag("tr", tag("th", breakable(first), scope="row"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    table = tag("table", tag("caption", title), table_head(heads), tag("tbody", *body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=title)


# --- what a reader wants first ---------------------------------------------------------------


def _title(result: Result) -> str:
    backbone = result.provenance.backbone
    return result.settings.detector + (f" on {backbone.name}" if backbone else "")


def _header(result: Result, title: str) -> Markup:
    names = ", ".join(dict.fromkeys(each.dataset for each in result.counts))
    links = {
        "figures": "Curves",
        "errors": "Errors",
        "results": "Results",
        "counts": "Counts",
        "origin": "Provenance",
    }
    items = [tag("li", tag("a", text, href=f"#{anchor}")) for anchor, text in links.items()]
    return tag(
        "header",
        tag("h1", breakable(title)),
        tag("p", f"Deepfake detection measured on {names}", class_="soft"),
        tag("nav", tag("ul", *items), aria_label="Sections"),
    )


def _headline(result: Result) -> Markup:
    """Return the first metric of the detector itself on every data set."""
    found = result.select(
        variant=result.settings.detector,
        method=ALL_METHODS,
        level=result.settings.levels[0],
        metric=headline_metrics(result)[0],
    )
    cards = []
    for each in found:
        value = "n/a" if each.value is None else f"{each.value:.3f}"
        interval = interval_text(each)
        asked = result.settings.draws or each.value is None
        below = f"95 % interval {interval}" if interval else each.reason if asked else ""
        counts = f": {each.reals:,} real and {each.fakes:,} fake {each.level}s"
        where = joined(breakable(each.dataset), counts)
        name = f"{metric_title(each.metric)} per {each.level}"
        number = tag("span", value, class_="value")
        cards.append(tag("li", name, number, below, tag("br"), where))
    return tag("ul", *cards, class_="cards", aria_label="Headline")


def _reading(result: Result) -> Markup:
    if result.settings.profile != STRICT:
        intervals = (
            "Profile deepfakebench: all frames under one folder name count as one video,"
            " and there are no intervals."
        )
    elif result.settings.draws:
        intervals = (
            f"Intervals come from {result.settings.draws:,} bootstrap draws over identities, or"
            " over videos where no identity is known."
        )
    else:
        intervals = "No intervals were requested."
    return tag(
        "p",
        "AUC is the probability that a fake scores higher than a real: 0.5 is chance, 1"
        " is perfect. AP grows with the share of fakes: compare it between detectors, not"
        " between rows. EER is the error rate at the threshold where both kinds of error"
        " are equally frequent: 0.5 is chance, 0 is perfect."
        " Accuracy calls a score of 0.5 or more fake; a false alarm is a real above 0.5. ",
        intervals,
        class_="soft",
    )


def _measurements(result: Result) -> Markup:
    variants = list(enumerate(result.variants))
    links = [tag("li", tag("a", name, href=f"#variant-{index}")) for index, name in variants]
    jump = tag("nav", tag("ul", *links), aria_label="Variants") if len(variants) > 1 else ""
    sections = [
        fold(f"Every metric of {name}", variant_section(result, name, f"variant-{index}"))
        for index, name in variants
    ]
    return section("Results", "results", jump, groups_table(result), *sections)


# --- parts and errors ------------------------------------------------------------------------


def _parts(result: Result, videos: Units | None) -> Markup:
    table = correlation_table(videos, result.settings.detector) if videos is not None else None
    return section("Do the parts differ?", "parts", table) if table else Markup("")


def _errors(result: Result, table: pa.Table | None) -> Markup:
    if table is None:
        text = f"There is no {PREDICTIONS} beside this report in which to find errors."
        return section("Most confident errors", "errors", tag("p", text))
    quiet = bool(result.provenance.config.get("quiet", True))
    words = result.provenance.audit.get("words", "")
    parts = tag("p", tag("strong", "Scores of parts: "), words, class_="note") if words else ""
    gallery = error_gallery(table, quiet=quiet)
    return section("Most confident errors", "errors", parts, gallery)


# --- curves ----------------------------------------------------------------------------------


def _figures(result: Result, videos: Units | None) -> Markup:
    if videos is None:
        text = f"There is no {PREDICTIONS} beside this report from which to draw curves."
        return section("Curves", "figures", tag("p", text))
    blocks = []
    for index, dataset in enumerate(dict.fromkeys(each.dataset for each in result.counts)):
        own = videos.take(videos.dataset == dataset)
        blocks.append(tag("h3", breakable(dataset)))
        if len(own):
            figures = _roc_figure(own, dataset, index), _histogram_figure(result, own, index)
            blocks.append(tag("div", *figures, class_="figures"))
            blocks.append(threshold_table(own, result.settings.detector, dataset, index))
        else:
            blocks.append(tag("p", "No video has a score."))
    return section("Curves", "figures", *blocks)


def _roc_figure(videos: Units, dataset: str, index: int) -> Markup:
    if len(set(videos.label.tolist())) < 2:
        return tag("p", "No ROC curve: it needs both reals and fakes.")
    names = list(videos.scores)
    chart = roc(videos.label, videos.scores, title=f"ROC curves on {dataset}", name=f"roc-{index}")
    items = [tag("li", curve_mark(i), name) for i, name in enumerate(names[:MAX_CURVES])]
    rest = names[MAX_CURVES:]
    more = tag("p", f"Not drawn: {', '.join(rest)}.", class_="soft") if rest else ""
    legend = tag("ul", *items, class_="legend")
    return tag("figure", tag("figcaption", "ROC curves per video"), chart, legend, more)


def _histogram_figure(result: Result, videos: Units, index: int) -> Markup:
    detector = result.settings.detector
    title = f"Scores of {detector}: share of the real and of the fake videos in each bin"
    name = f"scores-{index}"
    chart = histogram(videos.label, videos.scores[detector], title=title, name=name)
    counts = [int((videos.label == label).sum()) for label in (0, 1)]
    texts = (f"real, upwards ({counts[0]:,})", f"fake, downwards ({counts[1]:,})")
    items = [tag("li", bar_mark(label, name), text) for label, text in enumerate(texts)]
    legend = tag("ul", *items, class_="legend")
    return tag("figure", tag("figcaption", f"Scores of {detector} per video"), chart, legend)


def _footer(result: Result) -> Markup:
    version = result.provenance.versions.get("lesb-plugin")
    origin = f"Written by bench{f' {version}' if version else ''}."
    return tag("footer", f"{origin} To recompute every number: bench report RUN.")
