"""`bench fit`: fit a detector on real faces; write its artefact."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from registry.cli.detector_flags import configure_for_detectors
from registry.cli.flags import add_dry_run_flag, given_flags
from registry.console import print_plan, print_table, say
from registry.contracts.detector import FitReport
from registry.ranks import this_rank
from registry.settings.load import resolve
from registry.settings.tasks import FitConfig
from registry.tasks.ready import check_ready

__all__ = ["configure_fit", "run_fit"]

_FIT_EXAMPLES = """\
examples:
  bench fit --detector lesb --backbone efflite0_in1k --train FACES --out runs/lesb
  bench fit --detector lesb --backbone vit_s16 --weights random --train toy --out runs/try

Only real faces are needed; the val split of --train decides when to stop, unless --val is given."""


def configure_fit(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench fit`: those of FitConfig and what the chosen detector's fit takes."""
    configure_for_detectors(parser, FitConfig, "fit_options", _FIT_EXAMPLES)
    add_dry_run_flag(parser)


def run_fit(args: argparse.Namespace) -> int:
    """Fit, print what was learned and the command that evaluates it."""
    config = resolve(FitConfig, args.config, args.set, given_flags(args, FitConfig))
    check_ready(config)  # before torch is loaded
    if args.dry_run:
        from registry.tasks.dry_run import plan_fit

        print_plan(plan_fit(config))
        return 0
    from registry.tasks.fit import fit

    report = fit(config)
    if this_rank().first:
        _print_fit(config, report)
    return 0


def _print_fit(config: FitConfig, report: FitReport) -> None:
    for (title, header, rows), finding in zip_longest(report.tables, report.findings):
        print_table(title, header, rows)
        if finding:
            say(finding)
        say()
    for note in report.notes:
        say(f"note: {note}")
    say(f"artefact: {report.artefact}")
    say(f"next:     {shlex.join(_eval_line(config, report.artefact))} --dataset DATA")


def _eval_line(config: FitConfig, artefact: Path) -> list[str]:
    """Return `bench eval` with all settings of the fit that change what the detector sees."""
    shared: Mapping[str, Any] = {
        each: getattr(config, each)
        for each in ("landmarks", "landmarker", "face_detector", "crop_from", "precision")
        if getattr(config, each) != getattr(FitConfig, each)
    }
    line = ["bench", "eval", "--detector", config.detector, *config.backbone_flags]
    for key, value in shared.items():
        line += ["--" + key.replace("_", "-"), str(value)]
    return [*line, "--artefact", str(artefact.parent)]
