"""The backbone `sbi_efflite0`, and the detectors fitted on it."""

from __future__ import annotations

from pathlib import Path

from lesb_plugin.weights import HERE, RECIPE, artefact_name
from registry import Backbone, build_timm_backbone

__all__ = ["build_sbi_efflite0", "shipped_artefact", "shipped_weights"]

WEIGHTS = "sbi_efflite0.safetensors"


def build_sbi_efflite0(name: str, weights: str | None, seed: int = 0) -> Backbone:
    """Build EfficientNet-Lite0, trained with pseudo-fakes of real faces."""
    return build_timm_backbone(name, RECIPE, weights, seed)


def shipped_weights() -> Path:
    """Return the weights file of the single backbone in this package."""
    return HERE / WEIGHTS


def shipped_artefact(detector: str) -> Path:
    """Return what `bench fit --detector DETECTOR --backbone sbi_efflite0` wrote."""
    return HERE / artefact_name(detector)
