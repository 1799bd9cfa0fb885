"""`bench cost`: measure what an image costs on this machine; predict the time for millions."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from registry.cli.detector_flags import configure_for_detectors
from registry.cli.flags import add_json_flag, given_flags
from registry.cli.processes import on_interrupt
from registry.console import byte_count, print_table, say, say_block
from registry.settings.load import resolve
from registry.settings.tasks import CostConfig
from registry.tasks.cost_model import FORWARD
from registry.tasks.ready import check_ready

if TYPE_CHECKING:
    from registry.tasks.cost import Cost
    from registry.tasks.cost_model import Forecast

__all__ = ["configure_cost", "run_cost"]

_EXAMPLES = """\
examples:
  bench cost --dataset DATA --workers 8
  bench cost --dataset DATA --images 500000 --processes 4 --processes 16 --cores 8
  bench cost --dataset DATA --detector lesb_roi --explainer part_heads --storage 800
  bench cost --dataset DATA --forward-ms 0.4 --cores 12 --workers 12     GPUs that are not here

Measures each stage of `bench eval` alone on some frames of DATA, in seconds of a core, and of the
GPU where there is one; nothing is written. From these it predicts how long --images frames take on
--processes with --workers threads and --cores cores each, and which stage sets the pace.
--forward-ms is for GPUs that this machine does not have: pass what an image takes there, batch and
precision as you will run it. How fast the project is beside other ways to the same numbers: `bench
benchmark`."""

_UNITS = (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))


def configure_cost(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench cost`: what `bench eval` reads, and what to predict."""
    configure_for_detectors(parser, CostConfig, "options", _EXAMPLES)
    add_json_flag(parser, "what was measured and predicted")


def run_cost(args: argparse.Namespace) -> int:
    """Measure, and print two tables."""
    config = resolve(CostConfig, args.config, args.set, given_flags(args, CostConfig))
    check_ready(config)  # before torch is loaded
    with on_interrupt(lambda: "nothing was written; the same line measures anew"):
        from registry.tasks.cost import measure_cost

        cost = measure_cost(config)
    if args.as_json:
        say_block(json.dumps(asdict(cost), indent=1))
    else:
        _print(cost)
    return 0


def _print(cost: Cost) -> None:
    hardware = cost.hardware
    unit = "GPU" if hardware.gpu else "core"
    rows = [
        (
            f"{each.name} (given)" if cost.given and each.name == FORWARD else each.name,
            f"{1e3 * each.seconds:.2f}",
            byte_count(each.bytes),
            _rate(each.seconds),
        )
        for each in cost.stages.values()
    ]
    header = ("stage", "ms per image", "bytes per image", f"images/s of one core (forward: {unit})")
    print_table(f"measured on {cost.frames} frames, on {cost.device}", header, rows)
    if cost.given:
        say("the forward pass was not measured: its time was given with --forward-ms")
    say()
    print_table(
        f"predicted for {cost.forecasts[0].images:,} images; each process has {hardware.cores:g}"
        f" cores, {hardware.workers} workers and {'a' if hardware.gpu else 'no'} GPU",
        ("processes", "images/s", "time", "of it one process alone", "sets the pace"),
        _forecast_rows(cost.forecasts),
    )


def _forecast_rows(forecasts: Sequence[Forecast]) -> list[tuple[str, ...]]:
    return [
        (
            str(each.processes),
            f"{each.rate:,.0f}",
            _duration(each.seconds),
            _duration(each.tail),
            each.busiest,
        )
        for each in forecasts
    ]


def _rate(seconds: float) -> str:
    return f"{1 / seconds:,.0f}" if seconds > 0 else "-"


def _duration(seconds: float) -> str:
    """Format seconds: `2 d 3 h`, `3 h 20 min`, `4 min 10 s` or `12 s`."""
    for large, size, small, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= size:
            return f"{int(seconds // size)} {large} {int(seconds % size // part)} {small}"
    return f"{seconds:.0f} s"
