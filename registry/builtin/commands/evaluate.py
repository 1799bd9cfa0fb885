"""`bench eval`: score data with a detector; print tables, keep a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from registry.cli.detector_flags import configure_for_detectors
from registry.cli.flags import given_flags
from registry.console import say
from registry.settings.load import resolve
from registry.settings.tasks import EvalConfig

__all__ = ["configure_eval", "run_eval"]

_EVAL_EXAMPLES = """\
examples:
  bench eval                       LESB on its own backbone over faces of people who do not exist
  bench eval --detector random --dataset celeb_df_v2 --data-root /data/rgb --json /data/json
  bench eval --detector lesb --backbone efflite0_in1k --artefact runs/lesb --dataset DATA
  bench eval --detector lesb --backbone sbi_effb4 --weights FFraw.tar --fit-on FACES --dataset DATA
  bench eval --dataset DATA --group alpha='*_alpha' --group warps='warp_*|*_reenactment'
  bench eval --config my.yaml --set options.fusion=max --dataset A --dataset B --out runs/both

A run that was interrupted goes on where it stopped when it is started again with the same --out."""


def configure_eval(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench eval`: those of EvalConfig and the chosen detector's own."""
    configure_for_detectors(parser, EvalConfig, "options", _EVAL_EXAMPLES)


def run_eval(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, name the run folder."""
    config = resolve(EvalConfig, args.config, args.set, given_flags(args, EvalConfig))
    from registry.tasks.evaluate import evaluate  # loads torch: after what can go wrong without it

    result = evaluate(config)
    from registry.builtin.reports.html import REPORT
    from registry.builtin.reports.terminal import print_tables

    print_tables(result)
    folder = Path(result.provenance.config["out"])
    say(f"run folder: {folder}")
    if "html" in config.reporters:
        say(f"report:     {(folder / REPORT).resolve().as_uri()}")
    return 0
