"""What can be chosen of an explanation; every field is a flag, each explainer takes its own."""

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
        "auto", "cam: how activations and gradients become a map; auto: gradcam++, tokens hirescam"
    )
    layer: str | None = option(
        None, "cam: a module of the backbone by name; none: its last feature map"
    )
    keep_outlier_tokens: bool = option(
        False, "cam, rollout: leave tokens of outlying norm in a transformer's map"
    )
    regions: str = option(
        "eyes_nose_mouth",
        "parts, for detectors without their own: a YAML file, or one of configs/regions",
    )
    grid: int = option(7, "occlusion_grid: cells per side", min=2, max=32)
    reference: str = option(
        "toy", "parts, contrastive: data with the real faces that a face is compared with"
    )
    reference_faces: int = option(
        64, "parts, contrastive: how many real faces are compared with, at most", min=2
    )
