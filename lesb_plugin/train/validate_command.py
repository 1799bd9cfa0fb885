"""The subcommand `bench validate`."""

from __future__ import annotations

import argparse
import shlex

from lesb_plugin.train.options import ValidateConfig
from registry import add_config_flags, given_flags, print_table, resolve, say

__all__ = ["configure_validate", "run_validate"]

_EXAMPLES = """\
examples:
  bench validate --train FACES
  bench validate --backbone sbi_efflite0 --weights mean.safetensors --train FACES
  bench validate --weights mean.safetensors --train FACES --split train
  bench validate --weights mean.safetensors --train FACES --flagged 0.03 --out moved.safetensors

The pseudo-fakes are the ones that `bench train` selects weights on, given the same --train, --val
and --val-... flags; only real faces with landmarks are read. --split train takes faces that the
weights were trained on: far above val, they were learned by heart; level with it, more faces of
the kind will not help, a larger network or longer training may. --flagged recalibrates the 0.5
threshold by the head's bias. The order of scores does not change, and so neither does the AUC."""


def configure_validate(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench validate`: those of ValidateConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, ValidateConfig)


def run_validate(args: argparse.Namespace) -> int:
    """Print AUC and interval overall, AUC by family, and what was written."""
    config = resolve(ValidateConfig, args.config, args.set, given_flags(args, ValidateConfig))
    from lesb_plugin.train.validate import validate  # loads torch: after what can fail first

    found = validate(config)
    title = f"{config.backbone}: {found.counts['']} reals of {found.people} people"
    print_table(
        title, ("pseudo-fakes", "images", f"{config.split} AUC", "95 % interval"), found.rows()
    )
    share, low, high = (f"{100 * each:.1f}" for each in found.above_half)
    say(f"{share} % of the reals score above 0.5 (95 % interval {low} to {high} %)")
    if config.out is not None and config.flagged is not None:
        say(f"{100 * config.flagged:.1f} % of them do with the recalibrated weights:"
        f" {config.out}, sha256 {found.sha256}")  # fmt: skip
        line = ["bench", "eval", "--detector", "linear", "--backbone", config.backbone]
        say(f"next:    {shlex.join([*line, '--weights', config.out])} --dataset DATA")
    return 0
