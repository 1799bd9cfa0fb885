"""Settings of `bench explain`: every field is a flag, a key of a YAML file and an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from registry import ScoringConfig, option, options_field

__all__ = ["ExplainConfig", "ExplainSettings"]


@dataclass(frozen=True, kw_only=True)
class ExplainSettings(ScoringConfig):
    """How files are explained, wherever the reports are written."""

    folder: ClassVar[str] = "explain"

    explainer: str | None = option(
        None,
        "explainer that draws the maps (`bench list explainers`); default: the detector's"
        " own (part_heads for lesb_roi), else cam, or none for a detector without a"
        " gradient",
    )
    explain: Mapping[str, Any] = options_field(
        "the explainer's own options, as in --set explain.method=layercam"
    )
    pictures: int = option(4, "faces of an image to draw, highest scores first", min=1)
    style: Literal["default", "paper", "jet"] = option(
        "default", "colours; paper: blue is fake, as in the paper's figures"
    )


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(ExplainSettings):
    """One run of `bench explain`; build it with `resolve`, which checks every value."""

    clips: bool = option(
        False,
        "read the images of a folder without sub-folders as the frames of one clip, in the order of"
        " the numbers in their names: one report for the folder",
    )
    out: str = option("runs/explain", "folder of the reports")
    json: bool = option(False, "JSON lines: one object per file, with every number and path")
    open: bool = option(False, "open the report, or the index of several, in the browser")
