"""Face parts on a feature grid: each part's share of every cell, and the features' means there.

K parts share the cells of a grid (h, w): the shares of a cell sum to at most one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.regions import Jitter, RegionSet, part_masks

__all__ = ["fine_masks", "on_grid", "part_weights", "pool"]

FINENESS = 4  # pixels a side that masks are drawn with for each cell


def part_weights(
    landmarks: NDArray[np.floating[Any]], regions: RegionSet, size: int, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """Return weights (K, h, w) in [0, 1] of landmarks (P, 2) in pixels of a crop of side `size`.

    ValueError where a part lies outside of the crop.
    """
    return on_grid(fine_masks(landmarks, regions, size, grid), grid)


def fine_masks(
    landmarks: NDArray[np.floating[Any]], regions: RegionSet, size: int, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """Return soft masks (K, 4h, 4w) that sum to at most one; parts share where they meet."""
    shape = (FINENESS * grid[0], FINENESS * grid[1])
    scale = np.array(shape[::-1]) / size
    points = (landmarks + 0.5) * scale - 0.5  # pixel centres are integers in both
    parts = part_masks(points, regions, shape, _middle(regions.jitter))
    return np.asarray(parts / np.maximum(parts.sum(axis=0), 1.0), np.float32)


def on_grid(masks: NDArray[np.float32], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return the means (..., h, w) of masks (..., n h, n w) over the pixels of each cell."""
    height, width = grid
    cells = masks.reshape(*masks.shape[:-2], height, -1, width, masks.shape[-1] // width)
    return np.asarray(cells.mean(axis=(-3, -1)), np.float32)


def pool(
    maps: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
) -> NDArray[np.float32]:
    """e_k = sum_u m_k(u) A(u) / sum_u m_k(u): (B, K, C) of maps (B, C, h, w)."""
    flat = weights.reshape(*weights.shape[:2], -1)  # (B, K, h w)
    total = flat.sum(axis=2, keepdims=True)
    features = maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)  # (B, h w, C)
    return np.asarray((flat / total) @ features, np.float32)


def _middle(jitter: Jitter) -> Jitter:
    """Return the mean of the masks drawn in training."""
    pairs = ((name, getattr(jitter, name)) for name in ("scale", "dilation", "smoothing"))
    return replace(
        jitter,
        points=0.0,
        rotation=0.0,
        shift=0.0,
        **{name: (sum(pair) / 2,) * 2 for name, pair in pairs},
    )
