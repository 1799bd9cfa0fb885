"""The subcommand `bench quality`."""

from __future__ import annotations

import argparse

from lesb_plugin.train.quality_options import QualityConfig
from registry import add_config_flags, given_flags, print_table, resolve, say

__all__ = ["configure_quality", "run_quality"]

_EXAMPLES = """\
examples:
  bench quality --dataset DATA
  bench quality --dataset DATA --train FACES --style clean --style video

Sharpness is the variance of the Laplacian of a face crop at 160 x 200 pixels, fine detail the share
of the energy in the finer half of the frequencies. If your data is softer or sharper than what a
style produces, a detector trained with that style calls your real faces fake more often."""


def configure_quality(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench quality`: those of QualityConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, QualityConfig)


def run_quality(args: argparse.Namespace) -> int:
    """Measure, and print a row for each data set and style."""
    config = resolve(QualityConfig, args.config, args.set, given_flags(args, QualityConfig))
    from lesb_plugin.train.quality_table import SOFT, measure_quality  # loads torch

    rows = [row.cells() for row in measure_quality(config)]
    header = (
        "real faces of",
        "faces",
        "sharpness",
        f"below {SOFT:.0f}",
        "fine detail (dB)",
        "width",
    )
    print_table("quality: 10 / 50 / 90 % of the faces lie below", header, rows)
    say("width: of the crop in the image it was cut from, in pixels")
    return 0
