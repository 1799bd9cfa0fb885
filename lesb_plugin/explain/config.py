"""What `bench explain` does: every field is a flag, a key of a YAML file and an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from registry import ScoringConfig

__all__ = ["AUTO", "ExplainConfig"]

AUTO = "auto"


def _field(default: Any, help_text: str, **limits: float) -> Any:
    """A field with its line of help; `min` and `max` bound a number."""
    return field(default=default, metadata={"help": help_text, **limits})


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(ScoringConfig):
    """One run of `bench explain`; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "explain"

    detector: str = _field(
        AUTO,
        "detector that scores (`bench list detectors`); auto: lesb_roi where it is fitted for the"
        " backbone, else lesb",
    )
    out: str = _field("runs/explain", "folder of the reports")
    explainer: str | None = _field(
        None,
        "explainer that draws the maps (`bench list explainers`); by default cam, or none where the"
        " detector has no gradient",
    )
    explain: Mapping[str, Any] = field(
        default_factory=dict,
        metadata={"help": "the explainer's own options, as in --set explain.method=layercam"},
    )
    reference: str = _field(
        "toy", "data with the real faces that scores are compared with: a path, or a name"
    )
    reference_faces: int = _field(100, "how many of them, at most", min=19)
    pictures: int = _field(4, "faces of an image that are drawn, the highest-scored first", min=1)
    style: Literal["default", "paper", "jet"] = _field(
        "default", "colours; paper: blue is fake, as in the paper's figures"
    )
