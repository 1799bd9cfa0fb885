"""What can be chosen when LESB is fitted and when it scores; every field is a flag of `bench`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["LesbFitOptions", "LesbOptions"]


def _field(default: Any, help_text: str, **limits: float) -> Any:
    """A field with its line of help; `min` and `max` bound a number."""
    return field(default=default, metadata={"help": help_text, **limits})


@dataclass(frozen=True, kw_only=True)
class LesbOptions:
    """Options of `bench eval --detector lesb`."""

    fusion: Literal["mean", "max", "min", "median", "geometric", "harmonic", "vote", "all"] = (
        _field("mean", "how part scores become one; all reports every fusion, mean as the main one")
    )


@dataclass(frozen=True, kw_only=True)
class LesbFitOptions:
    """Options of `bench fit --detector lesb`; the defaults are the paper's, where it has them."""

    regions: str = _field("eyes_nose_mouth", "face parts: a YAML file, or one of configs/regions")
    psi: str = _field("paper", "local augmentations: a YAML file, or one of configs/psi")
    blend: str = _field("sbi", "law of the pseudo-fakes: a YAML file, or one of configs/blend")
    style: str | None = _field(
        None,
        "instead of self-blends alone, every family of pseudo-fakes of a style: a YAML file, or one"
        " of configs/style",
    )
    images: int = _field(1440, "faces that LFD learns from, at most; the heads see all", min=1)
    variants: int = _field(16, "augmented variants of each face per part", min=2)
    rank: int = _field(128, "directions kept per part", min=1)
    ranks: tuple[int, ...] = _field(
        (), "ranks to choose from: the one whose fused scores do best on val is kept, not `rank`"
    )
    reference: Literal["mean", "clean"] = _field(
        "mean", "what variants are compared with: their mean, or the face before augmentation"
    )
    pseudo_fakes: int = _field(16, "pairs of pseudo-fake and real per face", min=1)
    hidden: int = _field(128, "hidden units of a part's head", min=1)
    dropout: float = _field(0.2, "share of hidden units dropped in training", min=0.0, max=0.95)
    learning_rate: float = _field(1e-3, "step size of AdamW", min=1e-8)
    batch: int = _field(256, "embeddings per step of the heads' training", min=2)
    epochs: int = _field(100, "passes over the embeddings, at most", min=1)
    patience: int = _field(10, "epochs without a better validation AUC before a head stops", min=1)
    control_seeds: int = _field(
        3, "seeds that heads and the random-subspace control are trained with", min=1
    )
