"""A crop as `lesb_roi` keeps it: the embedding, and beside it the features of each part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.part_grid import part_weights, pool
from lesb_plugin.lfd.regions import RegionSet
from registry import Embedder

__all__ = ["RoiEncoder", "global_embedding", "part_features"]


class RoiEncoder:
    """Images with landmarks to vectors (d + K C), in one forward pass.

    First the backbone's embedding, then the means of its finest map over each part. A crop that a
    part lies outside of has NaN there: it has no part scores.
    """

    def __init__(self, embedder: Embedder, regions: RegionSet) -> None:
        self.embedder, self.regions = embedder, regions
        parts = json.dumps(regions.to_mapping(), sort_keys=True)
        self.encoder = hashlib.sha256(f"roi {embedder.encoder} {parts}".encode()).hexdigest()

    def __call__(
        self, images: NDArray[np.uint8], landmarks: Iterable[NDArray[np.floating[Any]]]
    ) -> NDArray[np.float32]:
        """(B, d + K C) of images (B, S, S, 3) with landmarks (P, 2) in their pixels."""
        embeddings, maps = self.embedder.with_map(images)
        size, grid = images.shape[1], (maps.shape[2], maps.shape[3])
        weights = np.stack([self._weights(points, size, grid) for points in landmarks])
        pooled = pool(maps, weights)  # (B, K, C)
        return np.concatenate([embeddings, pooled.reshape(len(pooled), -1)], axis=1)

    def fault(
        self, images: NDArray[np.uint8], landmarks: Iterable[NDArray[np.floating[Any]]]
    ) -> str:
        """Why a part of one of the images has no features, or "" where all parts have."""
        shape = self.embedder.with_map(images[:1])[1].shape
        for points in landmarks:
            try:
                part_weights(points, self.regions, images.shape[1], (shape[2], shape[3]))
            except ValueError as error:
                return str(error)
        return ""

    def _weights(
        self, landmarks: NDArray[np.floating[Any]], size: int, grid: tuple[int, int]
    ) -> NDArray[np.float32]:
        try:
            return part_weights(landmarks, self.regions, size, grid)
        except ValueError:
            return np.full((len(self.regions.parts), *grid), np.nan, np.float32)


def global_embedding(encoded: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The backbone's own embeddings (B, d) in what the encoder gave."""
    return encoded[:, :dim]


def part_features(encoded: NDArray[np.float32], dim: int, parts: int) -> NDArray[np.float32]:
    """The features of each part, (K, B, C), in what the encoder gave."""
    pooled = encoded[:, dim:].reshape(len(encoded), parts, -1)  # (B, K, C)
    return np.ascontiguousarray(pooled.transpose(1, 0, 2))
