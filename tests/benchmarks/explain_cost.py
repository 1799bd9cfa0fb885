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
import torch
from scoring_overhead import seconds, unfitted
from torch import nn

from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.options import LesbOptions
from registry import Embedder
from registry.backbones.device import resolve_device
from registry.checks import example_crops
from registry.plugins.discovery import load_plugins


class Target(nn.Module):
    """Pixels to the logit (B, 1) of one target, with gradients, as grad-cam needs them."""

    def __init__(self, detector: LesbDetector, target: str) -> None:
        super().__init__()
        self.backbone = detector.embedder.backbone
        self.detector, self.target = detector, target

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        embedding = self.backbone.embed(self.backbone.features(pixels))
        return self.detector.logits(embedding)[self.target][:, None]


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
        times = [[seconds(run) for run in ways.values()] for _ in range(args.rounds + 1)]
        medians = np.median(times[1:], axis=0)  # the first warms up
        sys.stdout.write(f"{name}, batch {args.batch}, {embedder.device}:\n")
        for way, median in zip(ways, medians, strict=True):
            sys.stdout.write(f"  {way:<28} {median * 1e3:8.1f} ms  x {median / medians[0]:.3f}\n")


def contenders(
    detector: LesbDetector, batch: int, *, with_grad_cam: bool
) -> dict[str, Callable[[], object]]:
    """What is timed, the plain forward pass first."""
    crops = example_crops(detector.embedder.backbone.crop.size, batch)
    images = np.stack([crop.image for crop in crops])
    explain = build_cam(detector)
    ways: dict[str, Callable[[], object]] = {
        "forward pass": lambda: detector.embedder(images),
        "score": lambda: detector.score(crops),
        "four maps (cam)": lambda: explain(crops),
    }
    if with_grad_cam:
        ways["four maps (grad-cam)"] = grad_cam(detector, images)
    return ways


def grad_cam(detector: LesbDetector, images: np.ndarray) -> Callable[[], object]:
    """The same targets at the last activation, by the package; it needs trainable parameters."""
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    backbone = detector.embedder.backbone
    assert isinstance(backbone, nn.Module)
    layer = backbone.get_submodule("model.bn2")
    pixels = detector.embedder.pixels(images)

    def run() -> None:
        backbone.requires_grad_(requires_grad=True)
        for target in (*detector.parts, "face"):
            with GradCAMPlusPlus(model=Target(detector, target), target_layers=[layer]) as cam:
                cam(input_tensor=pixels, targets=[ClassifierOutputTarget(0)] * len(pixels))
        backbone.requires_grad_(requires_grad=False)

    return run


if __name__ == "__main__":
    main()
