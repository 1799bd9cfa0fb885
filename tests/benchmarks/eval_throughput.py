"""Throughput of `bench eval` against the bare forward pass. Run by hand:

    python tests/benchmarks/eval_throughput.py DATA [--backbone sbi_effb4] [--frames 64]

DATA is a folder or manifest with faces and landmarks. Both sides score the same frames in turn: one
is a whole evaluation (decode, crop, score, measure), the other the forward passes on crops that are
in memory already. The target is a ratio of 0.92 or more. `bench benchmark` prints the same for the
shipped backbone beside other ways.
"""

from __future__ import annotations

import argparse
import sys

from lesb_plugin.benchmark.rounds import CLOCKS, in_turn
from registry.memory import share_one_arena
from tests.shared.scripts import run_script


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--backbone", default="sbi_effb4")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    args = parser.parse_args()
    share_one_arena()  # as `bench` does, before anything starts a thread
    from registry import SpeedTrial

    trial = SpeedTrial(
        args.frames,
        detector="linear",
        backbone=args.backbone,
        weights="random",
        dataset=(args.data,),
        split=args.split,
        batch_size=args.batch_size,
        threads=args.threads,
        backend=args.backend,
    )
    ways = {"eval": trial.evaluate, "bare forward": trial.forward}
    found = in_turn(ways, args.rounds, CLOCKS[args.clock])
    lines = [f"{args.backbone}, {args.frames} frames, {args.threads} threads, {args.rounds} rounds"]
    for name, timed in found.items():
        share = found["bare forward"].ratio / timed.ratio
        rate = args.frames / timed.seconds
        lines.append(f"{name:20}  {rate:7.2f} frames/s   of the bare forward {share:.3f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    run_script(main)
