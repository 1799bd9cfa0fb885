"""What LESB costs beside the forward pass of its backbone. Run by hand:

    python tests/benchmarks/scoring_overhead.py [BACKBONE ...]

Batches of 16, three parts of rank 128 with 128 hidden units, random weights: only time matters.
Prints the ratio of LESB's whole `score` to the bare backbone's embedding of the same crops.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.fitted import FittedLesb, ValReals
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.options import LesbOptions
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.diagnostics import random_subspace
from lesb_plugin.lfd.presets import region_preset
from registry import Crop, Embedder
from registry.backbones.device import resolve_device
from registry.plugins.discovery import load_plugins
from tests.shared.scripts import run_script

BATCH, RANK, HIDDEN = 16, 128, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("backbone", nargs="*", default=["efflite0_in1k", "sbi_effb4"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    for name in args.backbone:
        spec = load_plugins().get("backbone", name)
        weights = "random" if spec.needs_weights else None
        device = resolve_device(args.device)
        embedder = Embedder(spec.build(name, weights, 0), device=device, batch_size=BATCH)
        bare, whole = measure(embedder, args.rounds)
        sys.stdout.write(
            f"{name} on {device}: forward {1e3 * bare:.1f} ms, LESB {1e3 * whole:.1f} ms, "
            f"ratio {whole / bare:.4f}\n"
        )


def measure(embedder: Embedder, rounds: int) -> tuple[float, float]:
    """Median seconds of the bare forward pass and of LESB's score, taken in turn."""
    rng = np.random.default_rng(0)
    size = embedder.backbone.crop.size
    images = rng.integers(0, 256, (BATCH, size, size, 3), dtype=np.uint8)
    crops = [Crop(image=image, landmarks=None, box=(0, 0, size, size)) for image in images]
    lesb = LesbDetector(embedder, unfitted(embedder.backbone.dim, rng), LesbOptions(fusion="all"))
    times = [
        (seconds(lambda: embedder(images)), seconds(lambda: lesb.score(crops)))
        for _ in range(rounds + 2)
    ]
    bare, whole = np.median(times[2:], axis=0)  # the first two warm up
    return float(bare), float(whole)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def unfitted(dim: int, rng: np.random.Generator) -> FittedLesb:
    """A LESB of the right shapes."""
    regions = region_preset()
    parts = len(regions.names)
    lfd = Lfd(
        regions=regions,
        bases={part: random_subspace(dim, RANK, rng).astype(np.float32) for part in regions.names},
        eigenvalues={part: np.ones(dim) for part in regions.names},
        mean=np.zeros(dim, np.float32),
        diagnostics={},
        provenance={},
    )

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / 10).astype(np.float32)

    heads = Heads(
        mean=normal(parts, RANK),
        scale=np.ones((parts, RANK), np.float32),
        weight1=normal(parts, RANK, HIDDEN),
        bias1=normal(parts, HIDDEN),
        weight2=normal(parts, HIDDEN),
        bias2=normal(parts),
    )
    probe = Probe(weight=np.zeros(dim), bias=0.0, strength=1.0, auc=0.5)
    reals = ValReals.of(np.full((parts, 1), 0.5), np.full(1, 0.5))
    record = {"head": "probe", "datasets": []}
    return FittedLesb(lfd=lfd, heads=heads, probe=probe, reals=reals, record=record)


if __name__ == "__main__":
    run_script(main)
