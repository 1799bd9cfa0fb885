"""Options of LESB when it is fitted and when it scores; every field is a flag of `bench`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from registry import option

__all__ = ["LesbFitOptions", "LesbOptions"]


@dataclass(frozen=True, kw_only=True)
class LesbOptions:
    """Options of `bench eval --detector lesb`."""

    fusion: Literal["mean", "max", "min", "median", "geometric", "harmonic", "vote", "all"] = (
        option(
            "mean",
            ("how part scores are fused; all reports every fusion, with mean as the main one"),
        )
    )


@dataclass(frozen=True, kw_only=True)
class LesbFitOptions:
    """Options of `bench fit --detector lesb`; the defaults are the paper's, where it has them."""

    regions: str = option("eyes_nose_mouth", "face parts: a YAML file, or one of configs/regions")
    psi: str = option("paper", "local augmentations: a YAML file, or one of configs/psi")
    blend: str = option("sbi", "recipe of the pseudo-fakes: a YAML file, or one of configs/blend")
    style: str | None = option(
        None,
        "use every family of pseudo-fakes of a style instead of self-blends alone: a YAML"
        " file, or one of configs/style",
    )
    images: int = option(1440, "LFD uses at most this many faces; the heads see all", min=1)
    variants: int = option(16, "augmented variants per face and part", min=2)
    rank: int = option(128, "directions to keep per part", min=1)
    ranks: tuple[int, ...] = option(
        (), "choose the one of these ranks with the best fused AUC on val, instead of --rank", min=1
    )
    reference: Literal["mean", "clean"] = option(
        "mean", "compare variants with their mean, or with the face before augmentation (clean)"
    )
    pseudo_fakes: int = option(16, "pairs of pseudo-fake and real face per face", min=1)
    hidden: int = option(128, "hidden units of a part's head", min=1)
    dropout: float = option(0.2, "share of hidden units dropped in training", min=0.0, max=0.95)
    learning_rate: float = option(1e-3, "step size of AdamW", min=1e-8)
    batch: int = option(256, "embeddings per step of the heads' training", min=2)
    epochs: int = option(100, "passes over the embeddings, at most", min=1)
    patience: int = option(
        10, "epochs without a better validation AUC after which a head stops training", min=1
    )
    flagged: float = option(
        0.0,
        "recalibrate the 0.5 threshold: share of val's reals, distorted like its fakes,"
        " that scores above it (the biases of all heads move alike); 0 leaves the heads"
        " as trained, as in the paper",
        min=0,
        max=0.5,
    )
    control_seeds: int = option(
        3, "number of seeds for the heads and for the random-subspace control", min=1
    )
