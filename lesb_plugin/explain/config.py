"""What `bench explain` does: every field is a flag, a key of a YAML file and an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from registry import ScoringConfig, option, options_field

__all__ = ["AUTO", "ExplainConfig"]

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(ScoringConfig):
    """One run of `bench explain`; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "explain"

    detector: str = option(
        AUTO,
        "detector that scores (`bench list detectors`); auto: lesb_roi where it is fitted for the"
        " backbone, else lesb",
    )
    out: str = option("runs/explain", "folder of the reports")
    explainer: str | None = option(
        None,
        "explainer that draws the maps (`bench list explainers`); by default the detector's own"
        " (part_heads of lesb_roi), else cam, or none where it has no gradient",
    )
    explain: Mapping[str, Any] = options_field(
        "the explainer's own options, as in --set explain.method=layercam"
    )
    reference: str = option(
        AUTO,
        "data with the real faces that scores are compared with: a path, or a name; auto: what the"
        " detector's fit kept of its val split, else toy, whose faces are drawn",
    )
    reference_faces: int = option(
        100, "how many of the data of --reference, at most; auto takes all of val", min=19
    )
    pictures: int = option(4, "faces of an image that are drawn, the highest-scored first", min=1)
    style: Literal["default", "paper", "jet"] = option(
        "default", "colours; paper: blue is fake, as in the paper's figures"
    )
