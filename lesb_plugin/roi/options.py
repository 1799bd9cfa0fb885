"""Options of fitting `lesb_roi`; every field is a flag of `bench fit`."""

from __future__ import annotations

from dataclasses import dataclass

from registry import option

__all__ = ["RoiFitOptions"]


@dataclass(frozen=True, kw_only=True)
class RoiFitOptions:
    """Options of `bench fit --detector lesb_roi`."""

    style: str = option(
        "clean",
        "how to make pseudo-fakes: a YAML file, or one of configs/style",
    )
    pseudo_fakes: int = option(16, "pairs of pseudo-fake and real face per face", min=1)
    margin: float = option(
        4.0, "margin in logits between a changed part and the unchanged ones", min=0.0
    )
    learning_rate: float = option(1e-3, "step size of AdamW", min=1e-8)
    weight_decay: float = option(0.01, "weight decay of the heads", min=0.0)
    batch: int = option(128, "crops per step of the heads' training", min=2)
    epochs: int = option(100, "passes over the crops, at most", min=1)
    patience: int = option(
        10, "epochs without a lower validation loss after which training stops", min=1
    )
