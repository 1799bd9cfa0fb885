"""Choose the position of 0.5: the share of real faces that LESB's fused score calls fake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from lesb_plugin.lesb.fusion import fuse
from lesb_plugin.lesb.heads import Heads

__all__ = ["logit_of_half", "moved"]


def logit_of_half(logits: NDArray[np.float64], flagged: float) -> float:
    """By how much part logits (K, n) of real faces must fall, all alike, for only a share of
    `flagged`, in (0, 1), of the faces to have a mean score above 0.5.
    """

    def above(by: float) -> float:
        return float(np.quantile(fuse(expit(logits - by), "mean"), 1.0 - flagged)) - 0.5

    # Moved by less than the smallest logit all faces are above 0.5, by more than the greatest none.
    found: float = brentq(above, float(logits.min()) - 1.0, float(logits.max()) + 1.0)
    return found


def moved(heads: Heads, by: float) -> Heads:
    """Return heads whose logits are all lower by this amount."""
    return replace(heads, bias2=(heads.bias2 - by).astype(np.float32))
