"""What can be chosen of an explanation; every field is a flag, each explainer takes its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ExplainOptions"]


def _field(default: Any, help_text: str, **limits: float) -> Any:
    """A field with its line of help; `min` and `max` bound a number."""
    return field(default=default, metadata={"help": help_text, **limits})


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
    ] = _field(
        "auto", "cam: how activations and gradients become a map; auto: gradcam++, tokens hirescam"
    )
    layer: str | None = _field(
        None, "cam: a module of the backbone by name; none: its last feature map"
    )
    keep_outlier_tokens: bool = _field(
        False, "cam, rollout: leave tokens of outlying norm in a transformer's map"
    )
    regions: str = _field(
        "eyes_nose_mouth",
        "parts, for detectors without their own: a YAML file, or one of configs/regions",
    )
    grid: int = _field(7, "occlusion_grid: cells per side", min=2, max=64)
    reference: str = _field(
        "toy", "parts, contrastive: data with the real faces that a face is compared with"
    )
    reference_faces: int = _field(
        64, "parts, contrastive: how many real faces are compared with, at most", min=2
    )
