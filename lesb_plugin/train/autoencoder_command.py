"""The subcommand `bench autoencoder`."""

from __future__ import annotations

import argparse

from lesb_plugin.train.autoencoder_options import AutoencoderConfig
from registry import add_config_flags, given_flags, print_table, resolve, say

__all__ = ["configure_autoencoder", "run_autoencoder"]

_EXAMPLES = """\
examples:
  bench autoencoder --train FACES
  bench autoencoder --train FACES --epochs 40 --out mine.safetensors

The shipped weights serve every style. Train your own to redraw regions as a decoder trained on
your faces would, and name the file in a style: redrawn: {weights: mine.safetensors}."""


def configure_autoencoder(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench autoencoder`: those of AutoencoderConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, AutoencoderConfig)


def run_autoencoder(args: argparse.Namespace) -> int:
    """Train, print the loss by epoch and the file."""
    config = resolve(AutoencoderConfig, args.config, args.set, given_flags(args, AutoencoderConfig))
    from lesb_plugin.train.autoencoder_run import train_autoencoder  # loads torch

    found = train_autoencoder(config)
    rows = [
        (str(epoch), f"{train:.4f}", f"{val:.4f}")
        for epoch, (train, val) in enumerate(zip(found.train, found.val, strict=True), 1)
    ]
    print_table("loss on redrawn regions", ("epoch", "train", "val"), rows)
    say(f"weights: {found.path}, sha256 {found.sha256}")
    return 0
