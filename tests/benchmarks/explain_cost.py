"""What maps of the face and its parts cost beside the plain forward pass. Run by hand:

    python tests/benchmarks/explain_cost.py [BACKBONE ...] [--batch 4] [--rounds 7] [--grad-cam]

LESB with three parts of rank 128 and random heads: only time matters. Rounds alternate between the
plain forward pass and each way to explain; medians, as multiples of the forward pass. `--grad-cam`
adds the same four maps by the package of that name (GradCAM++, one forward and backward pass each).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from scoring_overhead import unfitted

from lesb_plugin.benchmark.map_ways import grad_cam, own_maps
from lesb_plugin.benchmark.rounds import CLOCKS, in_turn
from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.options import LesbOptions
from registry import Embedder
from registry.backbones.device import resolve_device
from registry.checks import example_crops
from registry.plugins.discovery import load_plugins
from tests.shared.scripts import run_script


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("backbone", nargs="*", default=["sbi_efflite0"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--grad-cam", action="store_true")
    args = parser.parse_args()
    for name in args.backbone:
        spec = load_plugins().get("backbone", name)
        weights = "random" if spec.needs_weights else None
        embedder = Embedder(spec.build(name, weights, 0), device=resolve_device(args.device))
        detector = LesbDetector(
            embedder, unfitted(embedder.backbone.dim, np.random.default_rng(0)), LesbOptions()
        )
        ways = contenders(detector, args.batch, with_grad_cam=args.grad_cam)
        found = in_turn(ways, args.rounds, CLOCKS["wall"])
        sys.stdout.write(f"{name}, batch {args.batch}, {embedder.device}:\n")
        for way, timed in found.items():
            sys.stdout.write(f"  {way:<28} {timed.seconds * 1e3:8.1f} ms  x {timed.ratio:.3f}\n")


def contenders(
    detector: LesbDetector, batch: int, *, with_grad_cam: bool
) -> dict[str, Callable[[], object]]:
    """What is timed, the plain forward pass first."""
    crops = example_crops(detector.embedder.backbone.crop.size, batch)
    images = np.stack([crop.image for crop in crops])
    ways: dict[str, Callable[[], object]] = {
        "forward pass": lambda: detector.embedder(images),
        "score": lambda: detector.score(crops),
        "four maps (cam)": own_maps(detector, crops),
    }
    if with_grad_cam:
        ways["four maps (grad-cam)"] = grad_cam(detector, crops)
    return ways


if __name__ == "__main__":
    run_script(main)
