"""`bench eval`: score data with a detector; print tables, keep a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli.detector_flags import configure_for_detectors
from registry.cli.flags import add_dry_run_flag, add_json_flag, given_flags
from registry.console import print_plan, say, say_block
from registry.errors import ConfigError
from registry.plugins.discovery import load_plugins
from registry.ranks import this_rank
from registry.results.parts import Shard
from registry.settings.load import resolve
from registry.settings.tasks import EvalConfig
from registry.tasks.ready import check_ready

if TYPE_CHECKING:
    from registry.results.result import Result

__all__ = ["configure_eval", "run_eval"]

_EVAL_EXAMPLES = """\
examples:
  bench eval                       LESB on its embedded backbone, on drawn faces
  bench eval --dataset DATA --limit 20     a trial on 20 real and 20 fake videos
  bench eval --detector random --dataset celeb_df_v2 --data-root /data/rgb --json-dir /data/json
  bench eval --detector lesb --backbone efflite0_in1k --artefact runs/lesb --dataset DATA
  bench eval --detector lesb --backbone sbi_effb4 --weights FFraw.tar --fit-on FACES --dataset DATA
  bench eval --dataset DATA --group alpha='*_alpha' --group warps='warp_*|*_reenactment'
  bench eval --dataset DATA --corrupt h264 --corrupt jpeg:4,resize:2+jpeg:4
  bench eval --detector linear --backbone dfb_xception --dataset celeb_df_v2 --data-root /data/rgb \
    --crop-from frame --frame-policy deepfakebench --profile both      and DeepfakeBench's numbers
  bench eval --config my.yaml --set options.fusion=max --dataset A --dataset B --out runs/both

docs/corruptions.md says what the severities of --corrupt are: qualities, factors, pixels, CRFs.
An interrupted run continues where it stopped when you start it again with the same --out."""


def configure_eval(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench eval`: those of EvalConfig and the chosen detector's own."""
    configure_for_detectors(parser, EvalConfig, "options", _EVAL_EXAMPLES)
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help=(
            "score only the I-th of N shards, for `bench merge`: for example one shard per machine"
        ),
    )
    add_dry_run_flag(parser)
    add_json_flag(parser, "results.json, or what --corrupt or --dry-run gives,")


def run_eval(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, name the run folder."""
    config = resolve(EvalConfig, args.config, args.set, given_flags(args, EvalConfig))
    check_ready(config)  # before torch is loaded
    several = bool(config.corrupt) and not _is_one(config.corrupt)
    shard = None if args.shard is None else Shard.parse(args.shard)
    if shard is not None and several:
        raise ConfigError("--shard takes one condition at a time: --corrupt NAME:SEVERITY, or none")
    if args.dry_run:
        from registry.tasks.dry_run import plan_evaluation

        print_plan(plan_evaluation(config, shard or Shard()), as_json=args.as_json)
        return 0
    if shard is not None:
        return _run_shard(config, shard, as_json=args.as_json)
    if several:
        return _run_corrupted(config, as_json=args.as_json)
    from registry.tasks.evaluate import evaluate  # loads torch: after what can go wrong without it

    result = evaluate(config)
    if not this_rank().first:
        return 0
    if args.as_json:
        say_block(result.to_text().rstrip())
    else:
        _show(result, config)
    return 0


def _run_shard(config: EvalConfig, shard: Shard, *, as_json: bool) -> int:
    from registry.tasks.parts import evaluate_shard

    part, folder = evaluate_shard(config, shard)
    if not this_rank().first:
        return 0
    if as_json:
        say_block(part.to_text().rstrip())
        return 0
    say(f"part {shard}: {folder}")
    say(f"when all {shard.count} parts are finished: bench merge PART... --out DIR")
    return 0


def _is_one(corrupt: tuple[str, ...]) -> bool:
    """Say whether `--corrupt` names one severity: then the run is on damaged data alone."""
    return len(corrupt) == 1 and ":" in corrupt[0] and "," not in corrupt[0]


def _run_corrupted(config: EvalConfig, *, as_json: bool) -> int:
    from registry.results.robustness_report import print_robustness, write_robustness
    from registry.tasks.corrupted import evaluate_corrupted

    found = evaluate_corrupted(config)
    if not this_rank().first:
        return 0
    if as_json:
        say_block(found.to_text())
        return 0
    _show(found.clean, config)
    say()
    print_robustness(found.rows, found.about)
    page = write_robustness(found.rows, found.folder, found.about)
    say(f"robustness: {page.resolve().as_uri()}")
    return 0


def _show(result: Result, config: EvalConfig) -> None:
    """Print the tables of a result, and where its files are."""
    from registry.builtin.reports.html import REPORT
    from registry.builtin.reports.terminal import print_results

    folder = Path(result.provenance.config["out"])
    print_results([result, *_others(config, folder)])
    say(f"run folder: {folder}")
    if "html" in config.reporters:
        say(f"report:     {(folder / REPORT).resolve().as_uri()}")


def _others(config: EvalConfig, folder: Path) -> list[Result]:
    """Return the same predictions under the profile that was requested besides strict."""
    from registry.results.profiles import BOTH, DEEPFAKEBENCH_PROFILE
    from registry.results.result import recompute

    if config.profile != BOTH:
        return []
    return [recompute(folder, load_plugins().specs("metric"), DEEPFAKEBENCH_PROFILE)]
