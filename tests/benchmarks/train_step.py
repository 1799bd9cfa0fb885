"""What freed memory that is used again saves of a training step. Run by hand:

    python tests/benchmarks/train_step.py

Steps of 32 images of EfficientNet-Lite0 at 224 px, forward and backward, in fresh processes with
and without `reuse_freed_memory`, in turn. Prints the median seconds of each and their ratio.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch

from registry.memory import reuse_freed_memory
from registry.plugins.discovery import load_plugins
from tests.shared.scripts import printed_json, run_script

BATCH, STEPS = 32, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("kept", "given back"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        sys.stdout.write(f"{median_step(kept=args.only == 'kept')}\n")
        return
    found: dict[str, list[float]] = {"kept": [], "given back": []}
    for _ in range(args.rounds):
        for only, seconds in found.items():
            command = [sys.executable, __file__, "--only", only]
            seconds.append(printed_json(command))
    kept, given_back = (float(np.median(seconds)) for seconds in found.values())
    sys.stdout.write(
        f"freed memory kept {kept:.3f} s, given back {given_back:.3f} s a step,"
        f" ratio {given_back / kept:.2f}\n"
    )


def median_step(*, kept: bool) -> float:
    backbone = load_plugins().get("backbone", "efflite0_in1k").build("efflite0_in1k", None, 0)
    if kept:
        reuse_freed_memory()
    network = backbone.trainable(2, 0)
    images = torch.rand(BATCH, 224, 224, 3).permute(0, 3, 1, 2)
    labels = torch.arange(BATCH) % 2
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        network.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[2:]))


if __name__ == "__main__":
    run_script(main)
