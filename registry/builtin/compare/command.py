"""The subcommand `compare`: is one run better than another on the same videos?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.console import print_table, say, say_block
from registry.errors import ConfigError
from registry.plugins.discovery import load_plugins

if TYPE_CHECKING:
    from registry.builtin.compare.comparison import Comparison

__all__ = ["configure_compare", "finding", "run_compare", "run_names"]

_EXAMPLES = """\
examples:
  bench compare runs/linear runs/lesb            AUC of the second minus that of the first
  bench compare runs/a runs/b runs/c --json      every later run against the first
  bench compare runs/a runs/b --allow-differences   even if crops or frames differ"""

_SIGNIFICANT = 0.05

_HEADER = (
    "data set",
    "run",
    "real/fake",
    "AUC first",
    "AUC run",
    "difference [DeLong 95 %]",
    "p",
    "p Holm",
    "[bootstrap 95 %]",
    "p boot",
    "p boot Holm",
    "differs in",
)


def configure_compare(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench compare`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="two or more run folders")
    parser.add_argument(
        "--allow-differences",
        action="store_true",
        help="compare even if frames, crops, data or profiles differ; the table then says so",
    )
    parser.add_argument(
        "--draws", type=_count, default=2000, help="bootstrap draws (default: 2000)"
    )
    parser.add_argument("--seed", type=_count, default=0, help="seed of the draws (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run_compare(args: argparse.Namespace) -> int:
    """Print a row for every data set and later run."""
    if len(args.runs) < 2:
        raise ConfigError("a comparison needs at least two run folders, got one")
    from registry.builtin.compare.comparison import compare, load_run

    names = run_names(args.runs)
    runs = [load_run(path, name) for path, name in zip(args.runs, names, strict=True)]
    rows = compare(
        runs,
        load_plugins().get("metric", "auc"),
        draws=args.draws,
        seed=args.seed,
        allow_differences=args.allow_differences,
    )
    limits = {run.name: run.limit for run in runs if run.limit is not None}
    if args.json:
        say_block(json.dumps([_record(row, limits) for row in rows], indent=1))
        return 0
    for name, limit in limits.items():
        say(f"note: {name}: a trial (--limit {limit}), not a result for whole data sets")
    _print(rows, args.draws)
    return 0


def run_names(paths: Sequence[Path]) -> list[str]:
    """Return folder names, or the paths as given if two folders share a name."""
    short = [path.resolve().name for path in paths]
    if len(set(short)) == len(short):
        return short
    given = [str(path) for path in paths]
    if len(set(given)) < len(given):
        raise ConfigError(f"a run is named twice: {', '.join(given)}")
    return given


def _print(rows: Sequence[Comparison], draws: int) -> None:
    title = f"AUC per video against {rows[0].first}"
    differs = any(row.differs for row in rows)
    columns = len(_HEADER) - (not differs)
    print_table(title, _HEADER[:columns], [_cells(row)[:columns] for row in rows])
    say()
    bootstrap = (
        f"the bootstrap ({draws} draws) draws identities, or videos without one, in the"
        " same way for both runs"
        if draws
        else "no bootstrap was requested"
    )
    holm = (
        f"Holm corrects for the {len(rows)} comparisons of this table"
        if len(rows) > 1
        else "with a single comparison Holm's correction changes nothing"
    )
    say(
        "Paired on the videos scored in both runs. DeLong's test treats videos as"
        f" independent; {bootstrap}; {holm}."
    )
    for row in rows:
        say(finding(row))
    for row in rows:
        if row.reason and (draws or row.p is None):
            say(f"{row.dataset}, {row.second}: {row.reason}")


def _record(row: Comparison, limits: Mapping[str, int]) -> dict[str, Any]:
    """Return plain data of a row; `trials` are the limits of its runs, where they have any."""
    trials = {name: limits[name] for name in (row.first, row.second) if name in limits}
    return {**asdict(row), "trials": trials}


def finding(row: Comparison) -> str:
    """Say which run of a row is better, in plain words, by the test with the greater p."""
    where = f"On {row.dataset}, {row.second}"
    p, clustered = row.p_holm, row.bootstrap_p_holm
    if row.difference is None or p is None:
        return f"{where} and {row.first} cannot be compared."
    by_bootstrap = clustered is not None and clustered >= p
    worst = clustered if clustered is not None and by_bootstrap else p
    holm = " after Holm" if worst != (row.bootstrap_p if by_bootstrap else row.p) else ""
    test = "bootstrap" if by_bootstrap else "DeLong"
    if row.difference == 0 and row.low == row.high:  # no variance either
        same = f"both rank every video alike, with an AUC of {_number(row.auc_first)}"
        return f"{where} and {row.first} are equal: {same}."
    figures = f"(AUC {row.difference:+.3f}, {test} p {_p(worst)}{holm})"
    if worst <= _SIGNIFICANT:
        better = "better" if row.difference > 0 else "worse"
        return f"{where} is {better} than {row.first} {figures}."
    low, high = (row.bootstrap_low, row.bootstrap_high) if by_bootstrap else (row.low, row.high)
    none = f"On {row.dataset}, no difference between {row.second} and {row.first} was found"
    return f"{none} {figures}{_may_lie(low, high, holm)}."


def _may_lie(low: float | None, high: float | None, holm: str) -> str:
    """Say which differences the videos leave open; Holm corrects p and not the interval."""
    if low is None or high is None:
        return ""
    return f"; it may lie anywhere from {low:+.3f} to {high:+.3f} (95 %{holm and ', before Holm'})"


def _cells(row: Comparison) -> tuple[str, ...]:
    return (
        row.dataset,
        row.second,
        f"{row.reals}/{row.fakes}",
        _number(row.auc_first),
        _number(row.auc_second),
        f"{_number(row.difference, '+')} {_between(row.low, row.high)}".strip(),
        _p(row.p),
        _p(row.p_holm),
        _between(row.bootstrap_low, row.bootstrap_high) or "-",
        _p(row.bootstrap_p),
        _p(row.bootstrap_p_holm),
        "; ".join(row.differs),
    )


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4f}"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:+.4f} {high:+.4f}]"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1e}"


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got {text!r}")
    return int(text)
