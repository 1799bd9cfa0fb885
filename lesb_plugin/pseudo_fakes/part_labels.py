"""Which parts of a pseudo-fake were changed, for part-contrastive heads and `--aux parts`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.part_grid import part_weights
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.forgeries import WHOLE_FACE

__all__ = ["CHANGED", "GRID", "UNCHANGED", "changed_parts", "part_labels"]

CHANGED, UNCHANGED = 0.5, 0.1
"""Shares of a part's own mask: from the one on it counts as changed, up to the other as not."""

GRID = 16  # cells a side that changes and parts are compared on


def part_labels(
    change: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """Return (K,): 1 for a changed part, 0 for an unchanged one, NaN for one in between.

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


def changed_parts(pair: CropPair, regions: RegionSet) -> NDArray[np.float32]:
    """Return labels (K,) of a pair's fake, on a grid that is the same for every backbone.

    ValueError where a part lies outside of the crop.
    """
    if pair.family in WHOLE_FACE:
        return np.ones(len(regions.parts), np.float32)
    size = pair.mask.shape[0]
    weights = part_weights(pair.landmarks, regions, size, (GRID, GRID))
    starts = np.linspace(0, size, GRID + 1).astype(int)[:-1]
    rows = np.add.reduceat(pair.mask.astype(np.float64), starts, axis=0)
    change = np.add.reduceat(rows, starts, axis=1) / (size / GRID) ** 2
    return part_labels(change, weights)
