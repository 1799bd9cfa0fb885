"""Maps of the face and its parts: by the explainer `cam`, and by the package grad-cam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from lesb_plugin.benchmark.rounds import Way
from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.explainers.target import differentiable
from registry import ConfigError, Crop, Detector

__all__ = ["grad_cam", "own_maps"]


class LogitOf(nn.Module):
    """Pixels to the logit (B, 1) of one target, with gradients, as grad-cam needs them."""

    def __init__(self, detector: Detector, target: str) -> None:
        super().__init__()
        self.detector, self.target = differentiable(detector, "cam"), target
        self.backbone = self.detector.embedder.backbone

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        embedding = self.backbone.embed(self.backbone.features(pixels))
        return self.detector.logits(embedding)[self.target][:, None]


def own_maps(detector: Detector, crops: Sequence[Crop]) -> Way:
    """Every map of the explainer `cam`; a ConfigError for a detector that it cannot explain."""
    explain = build_cam(detector)
    return lambda: explain(crops)


def grad_cam(detector: Detector, crops: Sequence[Crop]) -> Way:
    """The same maps at the last activation by the package, one by one: GradCAM++.

    Needs the package grad-cam, and a network of timm's whose last convolution is followed by
    `bn2`, as EfficientNets have it; a ConfigError for others.
    """
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    embedder = differentiable(detector, "cam").embedder
    backbone = embedder.backbone
    layer = getattr(getattr(backbone, "model", None), "bn2", None)
    if not isinstance(backbone, nn.Module) or layer is None:
        raise ConfigError(f"backbone {backbone.name!r} is no EfficientNet")
    pixels = embedder.pixels(np.stack([crop.image for crop in crops]))
    names = [*build_cam(detector)(crops[:1])[0].maps]

    def run() -> None:
        backbone.requires_grad_(requires_grad=True)
        try:
            for name in names:
                with GradCAMPlusPlus(model=LogitOf(detector, name), target_layers=[layer]) as cam:
                    cam(input_tensor=pixels, targets=[ClassifierOutputTarget(0)] * len(pixels))
        finally:
            backbone.requires_grad_(requires_grad=False)

    return run
