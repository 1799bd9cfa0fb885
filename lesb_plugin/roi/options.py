"""What can be chosen when `lesb_roi` is fitted; every field is a flag of `bench fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["RoiFitOptions"]


def _field(default: Any, help_text: str, **limits: float) -> Any:
    """A field with its line of help; `min` and `max` bound a number."""
    return field(default=default, metadata={"help": help_text, **limits})


@dataclass(frozen=True, kw_only=True)
class RoiFitOptions:
    """Options of `bench fit --detector lesb_roi`."""

    style: str = _field(
        "clean",
        "how pseudo-fakes are made, and of which parts: a YAML file, or one of configs/style",
    )
    pseudo_fakes: int = _field(16, "pairs of pseudo-fake and real per face", min=1)
    margin: float = _field(
        4.0, "logits by which a changed part is to exceed the unchanged ones", min=0.0
    )
    learning_rate: float = _field(1e-3, "step size of AdamW", min=1e-8)
    weight_decay: float = _field(0.01, "of the heads' weights", min=0.0)
    batch: int = _field(128, "crops per step of the heads' training", min=2)
    epochs: int = _field(100, "passes over the crops, at most", min=1)
    patience: int = _field(10, "epochs without a lower validation loss before it stops", min=1)
