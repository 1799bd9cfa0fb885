"""`bench report`: compute a run's numbers again from its predictions alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from registry.console import say
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import load_plugins
from registry.settings.tasks import EvalConfig

if TYPE_CHECKING:
    from registry.results.result import Result

__all__ = ["configure_report", "run_report"]

_REPORT_EXAMPLES = """\
examples:
  bench report runs/lesb           print the tables, recomputed from predictions.parquet
  bench report runs/lesb --write   and rewrite results.json and the reports
  bench report runs/lesb --profile both   and what DeepfakeBench would print, and why it differs"""


def configure_report(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench report`."""
    parser.epilog = _REPORT_EXAMPLES
    parser.add_argument("run", type=Path, help="run folder of `bench eval`")
    parser.add_argument(
        "--write", action="store_true", help="rewrite results.json and the run's reports"
    )
    parser.add_argument(
        "--profile",
        choices=("strict", "deepfakebench", "both"),
        help="how to compute metrics (default: the run's own profile)",
    )


def run_report(args: argparse.Namespace) -> int:
    """Print the tables of a run; 1 where results.json says something else and is left so."""
    from registry.builtin.reports.terminal import print_results
    from registry.results.result import recompute

    folder = args.run.parent if args.run.is_file() else args.run
    if args.write and args.profile is not None:
        raise ConfigError(
            f"--write keeps the run's own profile and cannot take --profile {args.profile};"
            " leave one of them out, or run `bench eval --profile` with another --out"
        )
    metrics = load_plugins().specs("metric")
    results = [recompute(folder, metrics, profile) for profile in _profiles(args.profile)]
    print_results(results)
    if args.write:
        for path in _write(results[0], folder):
            say(f"wrote {path}")
        return 0
    differences = [line for result in results for line in _differences(result, folder)]
    for line in differences:
        say(f"results.json differs: {line}")
    return int(bool(differences))


def _profiles(asked: str | None) -> tuple[str | None, ...]:
    return ("strict", "deepfakebench") if asked == "both" else (asked,)


def _differences(result: Result, folder: Path) -> tuple[str, ...]:
    """What results.json says other than `result`, if it is there and of the same profile."""
    from registry.results.result import RESULTS, Result, changed_since

    if not (folder / RESULTS).is_file():
        return ()
    try:
        stored = Result.load(folder)
    except DataError as error:
        return (str(error),)
    changed = changed_since(folder, stored)
    if stored.settings.profile != result.settings.profile:
        return changed
    found = stored.differences(result)
    if not found:
        say(f"{RESULTS} agrees exactly with what predictions.parquet gives")
    return (*changed, *found)


def _write(result: Result, folder: Path) -> list[Path]:
    plugins = load_plugins()
    names = result.provenance.config.get("reporters", EvalConfig.reporters)
    reporters = [plugins.get("reporter", name) for name in names]
    return [result.save(folder), *(reporter.write(result, folder) for reporter in reporters)]
