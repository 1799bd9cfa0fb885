"""The subcommand `bench train`."""

from __future__ import annotations

import argparse
import shlex

from lesb_plugin.train.options import TrainConfig
from registry import (
    add_config_flags,
    add_dry_run_flag,
    given_flags,
    print_plan,
    resolve,
    say,
    this_rank,
)

__all__ = ["configure_train", "run_train"]

_EXAMPLES = """\
examples:
  bench train --train FACES --out runs/sbi_efflite0
  bench train --config sbi --backbone sbi_effb4 --weights FFraw.tar --train FACES
  bench train --train FACES --out runs/sbi_efflite0 --resume

Only real faces with landmarks are read. The weights with the best AUC on pseudo-fakes of the val
split go to OUT/weights.safetensors; `--weights` takes that file, here and in `bench eval`.
Shipped configurations: clean (this project's recipe), continue (the same, starting from trained
weights), sbi_efflite0 (the last runs of that backbone, with the quality of faces in videos),
photographs (the runs before those), sbi (the protocol of the SBI paper). `bench validate` measures
any weights on the same pseudo-fakes."""


def configure_train(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench train`: those of TrainConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, TrainConfig)
    add_dry_run_flag(parser)


def run_train(args: argparse.Namespace) -> int:
    """Train, say how it ended and what to do next; 130 after Ctrl-C."""
    config = resolve(TrainConfig, args.config, args.set, given_flags(args, TrainConfig))
    if args.dry_run:
        from lesb_plugin.train.run import plan_training

        print_plan(plan_training(config))
        return 0
    from lesb_plugin.train.run import train  # loads torch: after what can fail without it

    result = train(config)
    if not this_rank().first:
        return 130 if result.interrupted else 0
    best = result.log.get("best")
    if best is not None:
        low, high = best["val"]["interval"]
        say(f"best val AUC {best['val']['auc']:.4f} [{low:.3f}, {high:.3f}], epoch {best['epoch']}")
        say(f"weights: {result.weights}")
    if result.stopped:
        say(
            f"stopped after {result.steps} steps ({result.stopped}); to continue, run the same"
            " command with --resume"
        )
        return 130 if result.interrupted else 0
    if result.weights is not None:
        line = ["bench", "eval", "--detector", "linear", "--backbone", config.backbone]
        say(f"next:    {shlex.join([*line, '--weights', str(result.weights)])} --dataset DATA")
    return 0
