"""The subcommand `bench benchmark`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from lesb_plugin.benchmark.options import BenchmarkConfig
from registry import (
    add_config_flags,
    add_json_flag,
    given_flags,
    print_table,
    resolve,
    say,
    say_block,
)

if TYPE_CHECKING:
    from lesb_plugin.benchmark.measure import Benchmark

__all__ = ["configure_benchmark", "run_benchmark", "sentence"]

_EXAMPLES = """\
examples:
  bench benchmark
  bench benchmark --dataset DATA --frames 128
  bench benchmark --device cuda --batch-size 128 --frames 256 --json
  bench benchmark --clock cpu --threads 1         on a machine that is busy with other things

Tells how fast this installation is beside other ways to the same numbers, on this machine: the bare
forward pass, a plain loop as in public scripts, the package grad-cam, scikit-learn. It says nothing
of how long your data will take: that is `bench cost --dataset DATA`. Nothing is written. The first
run draws the toy data, which takes some seconds more."""


def configure_benchmark(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench benchmark`: those of BenchmarkConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, BenchmarkConfig)
    add_json_flag(parser, "what was measured")


def run_benchmark(args: argparse.Namespace) -> int:
    """Measure, and print two tables and what they say."""
    config = resolve(BenchmarkConfig, args.config, args.set, given_flags(args, BenchmarkConfig))
    from lesb_plugin.benchmark.measure import measure_benchmark  # loads torch

    found = measure_benchmark(config)
    if args.as_json:
        say_block(json.dumps(asdict(found), indent=1))
    else:
        _print(found)
    return 0


def sentence(found: Benchmark) -> str:
    """Say in plain words what the tables show."""
    parts = [
        f"{each.what} takes {each.ratio:.2f} times as long as {each.beside}"
        for each in found.ratios
        if each.ratio is not None
    ]
    first, last = found.growth[0], found.growth[-1]
    times = last.frames / first.frames
    grown = f"{times:.0f} times as many frames take {last.seconds / first.seconds:.1f} times the"
    grown += " time"
    if first.peak_bytes and last.peak_bytes:
        grown += f" and {last.peak_bytes / first.peak_bytes:.2f} times the memory"
    text = "; ".join([*parts, grown])
    return f"{text[0].upper()}{text[1:]}."


def _print(found: Benchmark) -> None:
    rows = [
        (each.what, each.beside, _number(each.ratio), _ms(each.seconds), _ms(each.other_seconds))
        for each in found.ratios
    ]
    header = ("what", "beside", "ratio", "ms", "the other's ms")
    title = f"time over that of another way, on {found.device} by {found.backend}"
    print_table(f"{title} ({found.clock} clock)", header, rows)
    for each in found.ratios:
        if each.note:
            say(f"no figure beside {each.beside}: {each.note}")
    say()
    print_table(
        "growth of an evaluation",
        ("frames", "ms", "ms per frame", "peak MB"),
        [
            (
                str(each.frames),
                _ms(each.seconds),
                _ms(each.seconds / each.frames),
                "-" if each.peak_bytes is None else f"{each.peak_bytes / 1e6:.0f}",
            )
            for each in found.growth
        ],
    )
    say(f"time grows with the power {found.exponent:.2f} of the number of frames")
    say()
    say(sentence(found))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.1f}"
