"""The subcommands `eval`, `fit` and `report`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.config import EvalConfig, FitConfig
from registry.console import print_table, say
from registry.detector_flags import configure_for_detectors
from registry.errors import ConfigError, DataError
from registry.flags import given_flags
from registry.plugins import load_plugins
from registry.protocols import FitReport
from registry.resolving import resolve

if TYPE_CHECKING:
    from registry.result import Result

__all__ = [
    "configure_eval",
    "configure_fit",
    "configure_report",
    "run_eval",
    "run_fit",
    "run_report",
]

_EVAL_EXAMPLES = """\
examples:
  bench eval                       LESB on its own backbone over faces of people who do not exist
  bench eval --detector random --dataset celeb_df_v2 --data-root /data/rgb --json /data/json
  bench eval --detector lesb --backbone efflite0_in1k --artefact runs/lesb --dataset DATA
  bench eval --detector lesb --backbone sbi_effb4 --weights FFraw.tar --fit-on FACES --dataset DATA
  bench eval --dataset DATA --group alpha='*_alpha' --group warps='warp_*|*_reenactment'
  bench eval --config my.yaml --set options.fusion=max --dataset A --dataset B --out runs/both

A run that was interrupted goes on where it stopped when it is started again with the same --out."""

_FIT_EXAMPLES = """\
examples:
  bench fit --detector lesb --backbone efflite0_in1k --train FACES --out runs/lesb
  bench fit --detector lesb --backbone vit_s16 --weights random --train toy --out runs/try

Only real faces are needed; the val split of --train decides when to stop, unless --val is given."""

_REPORT_EXAMPLES = """\
examples:
  bench report runs/lesb           print the tables, computed again from predictions.parquet
  bench report runs/lesb --write   and write results.json and the reports anew
  bench report runs/lesb --profile both   and what DeepfakeBench would print, and why it differs"""


def configure_eval(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench eval`: those of EvalConfig and the chosen detector's own."""
    configure_for_detectors(parser, EvalConfig, "options", _EVAL_EXAMPLES)


def configure_fit(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench fit`: those of FitConfig and what the chosen detector's fit takes."""
    configure_for_detectors(parser, FitConfig, "fit_options", _FIT_EXAMPLES)


def run_eval(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, name the run folder."""
    config = resolve(EvalConfig, args.config, args.set, given_flags(args, EvalConfig))
    from registry.evaluation import evaluate  # loads torch: after what can go wrong without it

    result = evaluate(config)
    from registry.builtin.reporters import REPORT
    from registry.tables import print_tables

    print_tables(result)
    folder = Path(result.provenance.config["out"])
    say(f"run folder: {folder}")
    if "html" in config.reporters:
        say(f"report:     {(folder / REPORT).resolve().as_uri()}")
    return 0


def run_fit(args: argparse.Namespace) -> int:
    """Fit, print what was learned and the line that evaluates it."""
    config = resolve(FitConfig, args.config, args.set, given_flags(args, FitConfig))
    from registry.fitting import fit

    _print_fit(config, fit(config))
    return 0


def configure_report(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench report`."""
    parser.epilog = _REPORT_EXAMPLES
    parser.add_argument("run", type=Path, help="run folder that `bench eval` has written")
    parser.add_argument(
        "--write", action="store_true", help="write results.json and the run's reports anew"
    )
    parser.add_argument(
        "--profile",
        choices=("strict", "deepfakebench", "both"),
        help="how metrics are computed (default: the run's own profile)",
    )


def run_report(args: argparse.Namespace) -> int:
    """Print the tables of a run; 1 where results.json says something else and is left so."""
    from registry.result import recompute
    from registry.tables import print_tables

    folder = args.run.parent if args.run.is_file() else args.run
    if args.write and args.profile is not None:
        raise ConfigError(
            f"--write keeps the run's own profile and cannot be told --profile {args.profile};"
            " leave one of them out, or run `bench eval --profile` with another --out"
        )
    metrics = load_plugins().specs("metric")
    results = [recompute(folder, metrics, profile) for profile in _profiles(args.profile)]
    for result in results:
        if len(results) > 1:
            say(f"=== profile {result.settings.profile} ===\n")
        print_tables(result)
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
    from registry.result import RESULTS, Result

    if not (folder / RESULTS).is_file():
        return ()
    try:
        stored = Result.load(folder)
    except DataError as error:
        return (str(error),)
    if stored.settings.profile != result.settings.profile:
        return ()
    found = stored.differences(result)
    if not found:
        say(f"{RESULTS} agrees exactly with what predictions.parquet gives")
    return found


def _write(result: Result, folder: Path) -> list[Path]:
    plugins = load_plugins()
    names = result.provenance.config.get("reporters", EvalConfig.reporters)
    reporters = [plugins.get("reporter", name) for name in names]
    return [result.save(folder), *(reporter.write(result, folder) for reporter in reporters)]


def _print_fit(config: FitConfig, report: FitReport) -> None:
    for title, header, rows in report.tables:
        print_table(title, header, rows)
        say()
    for note in report.notes:
        say(f"note: {note}")
    say(f"artefact: {report.artefact}")
    say(f"next:     {shlex.join(_eval_line(config, report.artefact))} --dataset DATA")


def _eval_line(config: FitConfig, artefact: Path) -> list[str]:
    """`bench eval` with everything of the fit that changes what the detector sees."""
    shared: Mapping[str, Any] = {
        each: getattr(config, each)
        for each in ("landmarks", "landmarker", "face_detector", "crop_from", "precision")
        if getattr(config, each) != getattr(FitConfig, each)
    }
    line = ["bench", "eval", "--detector", config.detector, "--backbone", str(config.backbone)]
    if config.weights is not None:
        line += ["--weights", config.weights]
    for key, value in shared.items():
        line += ["--" + key.replace("_", "-"), str(value)]
    return [*line, "--artefact", str(artefact.parent)]
