"""The backbone `sbi_efflite0`, and detectors as they were fitted on it."""

from __future__ import annotations

from pathlib import Path

from lesb_plugin.weights import HERE, INPUT_SIZE, TRAINED_ON, artefact_name
from registry import Backbone, TimmRecipe, Training, build_timm_backbone

__all__ = ["build_sbi_efflite0", "shipped_artefact"]

WEIGHTS = "sbi_efflite0.safetensors"


def build_sbi_efflite0(name: str, weights: str | None, seed: int = 0) -> Backbone:
    """EfficientNet-Lite0 trained with pseudo-fakes of 1,041 real faces."""
    unknown = (Training(dataset="unknown", task="unknown"),)
    recipe = TimmRecipe(
        arch="tf_efficientnet_lite0",
        file="weights of `bench train --backbone sbi_efflite0` or efflite0_in1k",
        size=INPUT_SIZE,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        trained_on=TRAINED_ON if weights is None else unknown,
        classes=2,
    )
    return build_timm_backbone(name, recipe, weights or HERE / WEIGHTS, seed)


def shipped_artefact(detector: str) -> Path:
    """What `bench fit --detector DETECTOR --backbone sbi_efflite0` wrote."""
    return HERE / artefact_name(detector)
