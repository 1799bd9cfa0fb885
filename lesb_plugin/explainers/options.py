"""Options of the explainers: every field is a flag, and each explainer uses its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from registry import option

__all__ = ["ExplainOptions"]


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """Options of the explainers."""

    method: Literal[
        "auto",
        "gradcam",
        "gradcam++",
        "hirescam",
        "elementwise",
        "layercam",
        "xgradcam",
        "eigencam",
    ] = option(
        "auto",
        ("cam: how activations and gradients become a map; auto: gradcam++, for tokens hirescam"),
    )
    layer: str | None = option(
        None, "cam: name of a module of the backbone; none: its last feature map"
    )
    keep_outlier_tokens: bool = option(
        False, "cam, rollout: keep tokens with an outlying norm in the map of a transformer"
    )
    regions: str = option(
        "eyes_nose_mouth",
        "parts for detectors that have none of their own: a YAML file, or one of configs/regions",
    )
    grid: int = option(7, "occlusion_grid: cells per side", min=2, max=32)
    reference: str = option(
        "toy", "parts, contrastive: data with the real faces to compare a face with"
    )
    reference_faces: int = option(
        64, "parts, contrastive: number of real faces to compare with, at most", min=2
    )
