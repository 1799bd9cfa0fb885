"""Which parts of a pseudo-fake were changed: what part-contrastive heads learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANGED", "UNCHANGED", "part_labels"]

CHANGED, UNCHANGED = 0.5, 0.1
"""Shares of a part's own mask: from the one on it counts as changed, up to the other as not."""


def part_labels(
    change: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """1 for a changed part, 0 for an unchanged one, NaN for one that is neither, (K,).

    `change` (h, w) is the mask of the change and `weights` (K, h, w) are the parts'. A faint change
    counts like an opaque one: the mask is taken relative to its peak.
    """
    peak = float(change.max())
    if peak <= 0:
        return np.zeros(len(weights), np.float32)
    shares = (weights * (change / peak)).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))
    labels = np.full(len(weights), np.nan, np.float32)
    labels[shares >= CHANGED] = 1.0
    labels[shares <= UNCHANGED] = 0.0
    return labels
