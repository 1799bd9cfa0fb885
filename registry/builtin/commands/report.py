"""`bench report`: recompute a run's numbers from its predictions alone."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli.flags import add_json_flag
from registry.console import say, say_block, tell
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import load_plugins
from registry.settings.tasks import EvalConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.results.metric import Metric
    from registry.results.result import Result

__all__ = ["configure_report", "run_report"]

STRICT, DEEPFAKEBENCH_PROFILE, BOTH = "strict", "deepfakebench", "both"

_REPORT_EXAMPLES = """\
examples:
  bench report runs/lesb           print the tables, recomputed from predictions.parquet
  bench report runs/lesb --write   and rewrite results.json and the reports
  bench report runs/lesb --profile both   and what DeepfakeBench would print, and why it differs"""


def configure_report(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench report`."""
    parser.epilog = _REPORT_EXAMPLES
    parser.add_argument("run", type=Path, help="run folder of `bench eval`")
    add_json_flag(parser, "the numbers as a list with one object per profile,")
    parser.add_argument(
        "--write", action="store_true", help="rewrite results.json and the run's reports"
    )
    parser.add_argument(
        "--profile",
        choices=(STRICT, DEEPFAKEBENCH_PROFILE, BOTH),
        help="how to compute metrics (default: the run's own profile)",
    )


def run_report(args: argparse.Namespace) -> int:
    """Print the tables of a run; return 1 if results.json differs and is left as it is."""
    from registry.builtin.reports.terminal import print_results
    from registry.results.result import recompute

    line = tell if args.as_json else say

    folder = args.run.parent if args.run.is_file() else args.run
    if args.write and args.profile is not None:
        raise ConfigError(
            "--write keeps the run's own profile and cannot be combined with --profile"
            f" {args.profile}; omit one of them, or run `bench eval --profile` with"
            " another --out"
        )
    metrics = load_plugins().specs("metric")
    both = args.profile == BOTH
    results = _both(folder, metrics, line) if both else [recompute(folder, metrics, args.profile)]
    if args.as_json:
        say_block(json.dumps([each.to_json() for each in results], indent=1, allow_nan=False))
    else:
        print_results(results)
    if args.write:
        for path in _write(results[0], folder):
            line(f"wrote {path}")
        return 0
    differences = [each for result in results for each in _differences(result, folder, line)]
    for each in differences:
        line(f"results.json differs: {each}")
    return int(bool(differences))


def _both(folder: Path, metrics: Mapping[str, Metric], line: Callable[[str], None]) -> list[Result]:
    """Return a run's result under both profiles; older runs only under `strict`, with a note."""
    from registry.results.result import recompute

    results = [recompute(folder, metrics, STRICT)]
    try:
        results.append(recompute(folder, metrics, DEEPFAKEBENCH_PROFILE))
    except DataError as error:
        line(f"no numbers for profile {DEEPFAKEBENCH_PROFILE}: {error}")
    return results


def _differences(result: Result, folder: Path, line: Callable[[str], None]) -> tuple[str, ...]:
    """Return where results.json differs from `result`, if it exists and has the same profile."""
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
        line(f"{RESULTS} agrees exactly with predictions.parquet")
    return (*changed, *found)


def _write(result: Result, folder: Path) -> list[Path]:
    plugins = load_plugins()
    names = result.provenance.config.get("reporters", EvalConfig.reporters)
    reporters = [plugins.get("reporter", name) for name in names]
    return [result.save(folder), *(reporter.write(result, folder) for reporter in reporters)]
