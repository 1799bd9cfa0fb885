"""From the scores of K parts to one score per face (Table 2 of the paper)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FUSIONS", "fuse"]

Scores = NDArray[np.float64]

SMALLEST = 1e-6  # scores below it count as this much where a zero would decide alone


def geometric(parts: Scores) -> Scores:
    """Geometric mean of (K, B) scores clamped to [1e-6, 1]."""
    return np.asarray(np.exp(np.log(np.clip(parts, SMALLEST, 1.0)).mean(axis=0)), np.float64)


def harmonic(parts: Scores) -> Scores:
    """Harmonic mean of (K, B) scores clamped to [1e-6, 1]."""
    return np.asarray(1.0 / (1.0 / np.clip(parts, SMALLEST, 1.0)).mean(axis=0), np.float64)


def vote(parts: Scores) -> Scores:
    """1.0 where more than half of the K scores exceed 0.5, else 0.0; a tie goes by mean >= 0.5."""
    balance = 2 * (parts > 0.5).sum(axis=0) - len(parts)  # votes for minus votes against
    tie = parts.mean(axis=0) >= 0.5
    return np.asarray(np.where(balance == 0, tie, balance > 0), np.float64)


FUSIONS: dict[str, Callable[[Scores], Scores]] = {
    "mean": lambda parts: np.mean(parts, axis=0),
    "max": lambda parts: np.max(parts, axis=0),
    "min": lambda parts: np.min(parts, axis=0),
    "median": lambda parts: np.median(parts, axis=0),
    "geometric": geometric,
    "harmonic": harmonic,
    "vote": vote,
}


def fuse(parts: Scores, fusion: str) -> Scores:
    """Return one score per face, (B,), of part scores (K, B) in [0, 1], K >= 1."""
    if parts.ndim != 2 or not len(parts):
        raise ValueError(f"part scores must have shape (K, B) with K >= 1, not {parts.shape}")
    return np.asarray(FUSIONS[fusion](parts), np.float64)
