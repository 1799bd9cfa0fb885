"""The subcommand `leaderboard`: runs next to published numbers, never ranked together."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.builtin.compare.command import run_names
from registry.cli.flags import add_json_flag
from registry.console import print_table, say, say_block, tell
from registry.errors import BenchError, DataError
from registry.plugins.discovery import load_plugins

if TYPE_CHECKING:
    from registry.builtin.leaderboard.entries import BoardEntry, Published
    from registry.results.metric import Metric
    from registry.results.result import Result

__all__ = ["Checked", "checked", "configure_leaderboard", "run_leaderboard"]

_ROUNDING = 0.0051  # what two decimals hide

_EXAMPLES = """\
examples:
  bench leaderboard runs/*                  a table in the terminal
  bench leaderboard runs/* --out board      board/leaderboard.html, .md and .csv
  bench leaderboard                         only published numbers
  bench leaderboard runs/lesb --paper table1   the paper's table, with your runs below

Runs of one detector with the same weights, artefact and protocol share a row. Their numbers are
recomputed from their predictions; a row says if that was impossible, or if the predictions were
changed after the evaluation."""


def configure_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench leaderboard`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--out", type=Path, help="folder for leaderboard.html, .md and .csv")
    add_json_flag(parser, "the rows")
    parser.add_argument(
        "--paper",
        metavar="TABLE",
        help="print a published table (table1, table2) with your runs below",
    )


def run_leaderboard(args: argparse.Namespace) -> int:
    """Print the table, a published one or the rows as JSON, or write the three files."""
    from registry.builtin.leaderboard.entries import measured, published, reported

    finished = _finished(args.runs)
    names = run_names(finished)
    metrics = load_plugins().specs("metric")
    runs = [
        (name, checked(path, name, metrics)) for name, path in zip(names, finished, strict=True)
    ]
    tables = published()
    if args.paper is not None and not args.as_json:
        _print_paper(_paper(args.paper, tables), [(name, run.result) for name, run in runs])
    rows = [measured(run.result, name, doubt=run.doubt) for name, run in runs]
    entries = [*rows, *reported(tables)]
    if args.as_json:
        plain = [{**asdict(each), "average": each.average} for each in entries]
        say_block(json.dumps(plain, indent=1, allow_nan=False))
    if args.out is not None:
        for path in _write(entries, args.out):
            (tell if args.as_json else say)(f"wrote {path}")
    elif args.paper is None and not args.as_json:
        _print(entries)
    return 0


@dataclass(frozen=True, slots=True)
class Checked:
    """A run's numbers, and why they may differ from the evaluation's own, if so."""

    result: Result
    doubt: str


def checked(folder: Path, name: str, metrics: Mapping[str, Metric]) -> Checked:
    """Return a run with all its numbers recomputed from its predictions, if that is possible.

    Differences from results.json are reported: that file may have been edited.
    """
    from registry.results.result import Result, changed_since, recompute

    stored = Result.load(folder)
    try:
        found = recompute(folder, metrics)
    except BenchError as error:
        tell(f"{name}: its numbers could not be recomputed: {error}")
        return Checked(stored, "not recomputed: the predictions cannot be read")
    if changed_since(folder, stored):
        tell(f"{name}: {' '.join(changed_since(folder, stored))}")
        return Checked(found, "its predictions were changed after the evaluation")
    differences = stored.differences(found)
    if differences:
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        tell(f"{name}: results.json differs from its predictions, whose numbers are used:")
        tell(f"  {differences[0]}{more}")
    return Checked(found, "")


def _finished(folders: Sequence[Path]) -> list[Path]:
    """Skip folders that hold other things, as `runs/*` may: fits, audits, unfinished runs."""
    from registry.results.result import RESULTS

    others = [path for path in folders if path.is_dir() and not (path / RESULTS).exists()]
    for path in others:
        hint = f": did you mean {path}/*?" if any(path.glob(f"*/{RESULTS}")) else ""
        tell(
            f"skipped: {path} holds no {RESULTS}, so it is not a finished run of `bench eval`{hint}"
        )
    if others and len(others) == len(folders):
        raise DataError("none of these folders holds a finished run of `bench eval`")
    return [path for path in folders if path not in others]


def _write(entries: Sequence[BoardEntry], folder: Path) -> list[Path]:
    from registry.builtin.leaderboard.page import page
    from registry.builtin.leaderboard.text import as_csv, as_markdown
    from registry.files import write_text

    written = []
    for suffix, text in (("html", page), ("md", as_markdown), ("csv", as_csv)):
        path = folder / f"leaderboard.{suffix}"
        write_text(path, text(entries))
        written.append(path)
    return written


# --- the terminal ----------------------------------------------------------------------------


def _print(entries: Sequence[BoardEntry]) -> None:
    """Print two tables: the two kinds share no column, order or best value."""
    from registry.builtin.leaderboard.merged import merged
    from registry.builtin.leaderboard.text import datasets_of, remarks, terminal_rows

    for note in remarks(entries):
        say(f"note: {note}")
    rows = merged(entries)
    titles = {"measured": "Measured here", "reported": "Reported by others"}
    for kind, title in titles.items():
        own = [row for row in rows if row.entry.kind == kind]
        if own:
            datasets = datasets_of([row.entry for row in own])
            print_table(f"{title} (AUC in %)", *terminal_rows(own, kind, datasets))
            say()
    say("i: in-domain, as the detector or its backbone was trained on that data set; not averaged.")
    say("*: the best of its column in its own table, among rows not trained on that data set.")
    say("Averages compare over the same data sets only; the starred one is over the most.")


# --- a published table -----------------------------------------------------------------------


def _paper(name: str, tables: Sequence[Published]) -> Published:
    from registry.errors import UnknownNameError

    known = {table.paper: table for table in tables if table.paper is not None}
    if name not in known:
        raise UnknownNameError("published table", name, known)
    return known[name]


def _print_paper(table: Published, runs: Sequence[tuple[str, Result]]) -> None:
    with_average = any(row.average is not None for row in table.rows)
    datasets = {run: _datasets(result) for run, result in runs}
    published = set(table.columns.values())
    header = ("kind", "method", *table.columns, *(["Average"] if with_average else []))
    rows = [
        (
            "reported",
            row.name,
            *(_percent(row.auc.get(name)) for name in table.columns.values()),
            *([_percent(row.average)] if with_average else []),
        )
        for row in table.rows
    ]
    rows += [
        _measured_row(result, run, variant, table, with_average)
        for run, result in runs
        if published & datasets[run]
        for variant in result.variants
        if _belongs(variant, result, with_average)
    ]
    print_table(f"{table.source} (AUC in %, level: {table.level})", header, rows)
    say()
    say("Reported rows are the paper's own numbers; measured rows are AUCs per video of the runs.")
    if others := sorted(set[str]().union(*datasets.values()) - published):
        say(f"Left out because they are not in this table: {', '.join(others)}.")
    for row in table.rows:
        mean = sum(row.auc.values()) / len(row.auc)
        if row.average is not None and abs(row.average - mean) > _ROUNDING:
            say(
                f"{row.name}: the published average is {row.average:.2f}, the mean of its"
                f" row {mean:.3f}."
            )


def _datasets(result: Result) -> set[str]:
    """Return the data sets of a run, by the names of the columns."""
    from registry.builtin.leaderboard.entries import canonical_name, known_names

    names = known_names()
    return {canonical_name(each.dataset, names) for each in result.counts}


def _belongs(variant: str, result: Result, with_average: bool) -> bool:
    """Say whether a variant belongs to the table: parts to that of parts, fusions to that with
    averages.
    """
    is_part = variant.startswith(f"{result.settings.detector}:")
    return variant in {result.settings.detector, "head"} or is_part != with_average


def _measured_row(
    result: Result, run: str, variant: str, table: Published, with_average: bool
) -> tuple[str, ...]:
    from registry.builtin.leaderboard.entries import UNKNOWN, measured
    from registry.builtin.leaderboard.text import split_text

    entry = measured(result, run, variant)
    cells, split = entry.cells, split_text(entry)
    values = [cells[name].auc if name in cells else None for name in table.columns.values()]
    known = [value for value in values if value is not None]
    whole = sum(known) / len(known) if len(known) == len(values) else None
    figures = [*values, whole] if with_average else values
    return (
        "measured",
        f"{variant} ({run})" if split in {"test", UNKNOWN} else f"{variant} ({run}: {split})",
        *(_percent(None if value is None else 100 * value) for value in figures),
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
