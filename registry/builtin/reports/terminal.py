"""A result as tables for the terminal: one per variant, a row per data set, method and group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill
from typing import TextIO

from registry.console import say, table_text, terminal_width
from registry.contracts.types import ALL_METHODS
from registry.results.figure import figure_text
from registry.results.measure import Count, Measurement
from registry.results.metric import CROSS_AUC
from registry.results.profiles import STRICT
from registry.results.result import Result
from registry.results.sources import bound_of_none
from registry.streams import output, write
from registry.untrusted import one_line

__all__ = [
    "headline_metrics",
    "metric_title",
    "print_results",
    "print_tables",
    "reasons",
    "what_none_means",
    "why_no_verdicts",
]

_TITLES = {
    "auc": "AUC",
    "ap": "AP",
    "eer": "EER",
    "accuracy": "accuracy at 0.5",
    "false_alarms": "reals above 0.5",
    "tpr_at_fpr_1": "TPR at FPR 1 %",
    "tpr_at_fpr_5": "TPR at FPR 5 %",
}


def print_results(results: Sequence[Result]) -> None:
    """Print the tables of each, under the name of its profile if there are several."""
    for result in results:
        if len(results) > 1:
            say(f"=== profile {result.settings.profile} ===\n")
        print_tables(result)


def print_tables(result: Result, file: TextIO | None = None) -> None:
    """Print notes, per-video AUC, AP and EER with 95 % intervals, counts and errors.

    Notes come first, as in the report: the numbers of a trial are read with its note. A
    terminal's width is kept by wrapping names; in a file or a pipe nothing is wrapped or cut.
    """
    stream = output() if file is None else file
    width = terminal_width(stream)
    titles = [metric_title(name) for name in headline_metrics(result)]
    if result.notes:
        _write_lines((f"note: {note}" for note in result.notes), width, stream)
        write("\n", stream)
    header = ("data set, method", *titles, "real/fake", "frames", "errors")
    for variant in result.variants:
        rows = [_cells(result, variant, *row) for row in _rows(result)]
        text = table_text(one_line(variant), header, rows, width=width)
        write(f"{text}\n\n", stream)
    _write_lines(_lines_below(result), width, stream)


def _write_lines(lines: Iterable[str], width: int | None, stream: TextIO) -> None:
    for line in map(one_line, lines):
        write((line if width is None else fill(line, width)) + "\n", stream)


def headline_metrics(result: Result) -> tuple[str, ...]:
    """Return AUC, AP and EER, as far as requested; without any of them the first three metrics.

    With accuracy under profile deepfakebench: these four are what that benchmark prints.
    """
    metrics = tuple(name for name in result.settings.metrics if name != CROSS_AUC)
    usual = ("auc", "ap", "eer")
    wanted = usual if result.settings.profile == STRICT else (*usual, "accuracy")
    return tuple(name for name in wanted if name in metrics) or metrics[:3]


def metric_title(name: str) -> str:
    """Return a metric's name as printed in tables."""
    return _TITLES.get(name, name)


def reasons(measurements: tuple[Measurement, ...], draws: int) -> tuple[str, ...]:
    """Say why values or intervals are missing: each reason once for the metrics and rows concerned.

    Without `draws` no intervals were requested, so none is missing.
    """
    rows: dict[tuple[str, str], dict[str, None]] = {}
    for each in measurements:
        if each.reason and (draws or each.value is None):
            what = "no value" if each.value is None else "no interval"
            row = each.dataset if each.method == ALL_METHODS else f"{each.dataset}/{each.method}"
            why = f"{what}, {each.reason}"
            rows.setdefault((why, metric_title(each.metric)), {})[row] = None
    metrics: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (why, metric), names in rows.items():
        metrics.setdefault((why, tuple(names)), []).append(metric)
    return tuple(
        f"{', '.join(found)}: {why} ({_listed([*names])})"
        for (why, names), found in metrics.items()
    )


def _cells(result: Result, variant: str, count: Count, level: str) -> tuple[str, ...]:
    found = result.select(variant=variant, dataset=count.dataset, method=count.method, level=level)
    name = _row_name(result, count)
    return (
        name if result.settings.profile == STRICT else f"{name} per {level}",
        *(_cell(found, metric) for metric in headline_metrics(result)),
        _units(count, found),
        str(count.frames),
        str(sum(count.errors.values())),
    )


def _rows(result: Result) -> list[tuple[Count, str]]:
    """Return counts and levels: videos of every method, or both levels where methods have no
    rows.
    """
    if result.settings.profile == STRICT:
        return [(each, "video") for each in result.counts]
    whole = [each for each in result.counts if each.method == ALL_METHODS]
    return [(each, level) for each in whole for level in result.settings.levels]


def _row_name(result: Result, row: Count) -> str:
    """Indent a method below its data set; a group says how many methods it has."""
    if row.method == ALL_METHODS:
        return row.dataset
    methods = len(result.pooled_in(row.dataset, row.method))
    what = f"group {row.method} ({methods} method{'s' * (methods > 1)})" if methods else row.method
    return f"  {what}"


def _units(row: Count, found: tuple[Measurement, ...]) -> str:
    """Return the numbers of reals and fakes behind a row: a profile may count other videos."""
    counted = found[0] if found else row
    return f"{counted.reals}/{counted.fakes}"


def _cell(found: tuple[Measurement, ...], metric: str) -> str:
    (each,) = (each for each in found if each.metric == metric) if found else (None,)
    if each is None or each.value is None:
        return "-"
    if each.low is None or each.high is None:
        return _number(each.value)
    return f"{_number(each.value)} [{_number(each.low)} {_number(each.high)}]"


def _number(value: float) -> str:
    """Write three decimals: 0.873."""
    return f"{value:.3f}"


def _lines_below(result: Result) -> Iterator[str]:
    if result.settings.profile == STRICT:
        draws = result.settings.draws
        yield (
            f"Per video; in brackets 95 % intervals from {draws} bootstrap draws over identities,"
            " or videos without one."
            if draws
            else "Per video; no intervals were requested."
        )
        measured = tuple(
            each
            for each in result.select(level="video", variant=result.settings.detector)
            if each.metric in headline_metrics(result)
        )
        yield from reasons(measured, draws)
    else:
        yield (
            f"Profile {result.settings.profile}: all frames under one folder name count as"
            " one video; per video there is only an AUC, and there are no intervals."
        )
    for each in result.counts:
        if each.method == ALL_METHODS and each.errors:
            worst = (f"{number} x {text}" for text, number in Counter(each.errors).most_common(3))
            more = f"; {len(each.errors) - 3} further reasons" if len(each.errors) > 3 else ""
            yield f"errors in {each.dataset}: {'; '.join(worst)}{more}"
        if each.method == ALL_METHODS and each.left_out:
            yield f"videos of {each.dataset} without a scored frame, left out: {each.left_out}"
    if result.settings.profile == STRICT:
        for group in result.groups:
            yield f"group {group.name} of {group.dataset}: {', '.join(group.methods)}"
    yield from _of_reals(result)


def _of_reals(result: Result) -> Iterator[str]:
    """Return false alarms by data set, where there are verdicts, and fakes against others'
    reals.
    """
    for each in result.sources:
        line = f"reals of {each.dataset}: {figure_text(each.above_half)} above 0.5"
        if each.manipulated.value is not None:
            line += f", {figure_text(each.manipulated)} called MANIPULATED"
        if each.incomparable.value:
            line += f", {each.incomparable.value:.3f} unlike any reference real face"
        yield line
    if bounds := what_none_means(result):
        yield bounds
    if why := why_no_verdicts(result):
        yield why
    for pair in result.across:
        if pair.reals_of != pair.fakes_of and pair.auc.value is not None:
            yield (
                f"Cross-AUC, reals of {pair.reals_of} against fakes of {pair.fakes_of}:"
                f" {figure_text(pair.auc)}"
            )


def why_no_verdicts(result: Result) -> str:
    """Say why no share of the reals is called MANIPULATED; "" where one is, or without reals."""
    if not result.sources or any(each.manipulated.value is not None for each in result.sources):
        return ""
    return (
        f"no share called MANIPULATED: {result.settings.detector} has no reference faces of its"
        " own, as fitted detectors have; `bench predict` compares with those of --reference"
    )


def what_none_means(result: Result) -> str:
    """Say how large a share may be of which no real was found; "" where every share has some."""
    bounds = {
        figure.count: bound
        for each in result.sources
        for figure in (each.above_half, each.manipulated)
        if (bound := bound_of_none(figure)) is not None
    }
    if not bounds:
        return ""
    each = (f"{bound:.3f} (of {count})" for count, bound in sorted(bounds.items()))
    return (
        "a share of 0 has no width in a bootstrap; by its exact 95 % interval it may be up to"
        f" {', '.join(each)}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
