"""A metric and an explainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from registry import Crop, Detector, Explanation, UndefinedMetricError

__all__ = ["build_edges", "gap"]


def gap(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Mean score of the fakes minus mean score of the reals, in [-1, 1]."""
    if len(np.unique(labels)) < 2:
        raise UndefinedMetricError("sample_gap needs reals and fakes")
    return float(scores[labels == 1].mean() - scores[labels == 0].mean())


def build_edges(detector: Detector) -> Callable[[Sequence[Crop]], list[Explanation]]:
    """An explainer is built for a detector; this one asks it nothing."""

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        return [Explanation(maps={"face": _edges(crop)}, note="edges only") for crop in crops]

    return explain


def _edges(crop: Crop) -> NDArray[np.float32]:
    grey = crop.image.mean(axis=2) / 255  # (S, S)
    down, right = np.gradient(grey)
    return np.hypot(down, right).astype(np.float32)
