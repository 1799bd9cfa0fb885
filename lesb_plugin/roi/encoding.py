"""Encode a crop as `lesb_roi` stores it: the embedding, and the features of each part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.part_grid import part_weights, pool
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.roi.dataset import PartViews
from registry import Embedder

__all__ = [
    "FEATURES",
    "Encoded",
    "RoiEncoder",
    "drawn_weights",
    "global_embedding",
    "part_features",
]

FEATURES = "means of parts"  # what artefacts say that their heads read


class RoiEncoder:
    """Images with landmarks to vectors (d + K C), in one forward pass.

    First the backbone's embedding, then the means of its finest map over each part. A crop that a
    part lies outside of has NaN there: it has no part scores.
    """

    def __init__(self, embedder: Embedder, regions: RegionSet) -> None:
        self.embedder, self.regions = embedder, regions
        parts = json.dumps(regions.to_mapping(), sort_keys=True)
        self.encoder = hashlib.sha256(
            f"roi {FEATURES} {embedder.encoder} {parts}".encode()
        ).hexdigest()

    def __call__(
        self, images: NDArray[np.uint8], landmarks: Iterable[NDArray[np.floating[Any]]]
    ) -> NDArray[np.float32]:
        """Return (B, d + K C) of images (B, S, S, 3) with landmarks (P, 2) in their pixels."""
        embeddings, maps, weights = self.seen(images, landmarks)
        features = pool(maps, weights)  # (B, K, C)
        return np.concatenate([embeddings, features.reshape(len(features), -1)], axis=1)

    def seen(
        self, images: NDArray[np.uint8], landmarks: Iterable[NDArray[np.floating[Any]]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return embeddings (B, d), finest maps (B, C, h, w), and weights (B, K, h, w) of parts.

        Weights are NaN where a part lies outside of the crop.
        """
        embeddings, maps = self.embedder.with_map(images)
        size, grid = images.shape[1], (maps.shape[2], maps.shape[3])
        drawn = [drawn_weights(each, self.regions, size, grid) for each in landmarks]
        return embeddings, maps, np.stack(drawn)

    def fault(
        self, images: NDArray[np.uint8], landmarks: Iterable[NDArray[np.floating[Any]]]
    ) -> str:
        """Say why a part of one of the images has no features, or "" if all parts have."""
        shape = self.embedder.with_map(images[:1])[1].shape
        for points in landmarks:
            try:
                part_weights(points, self.regions, images.shape[1], (shape[2], shape[3]))
            except ValueError as error:
                return str(error)
        return ""


def drawn_weights(
    landmarks: NDArray[np.floating[Any]], regions: RegionSet, size: int, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """Return weights (K, h, w) of the parts; NaN where one of them lies outside of the crop.

    `landmarks` are (P, 2) in pixels of a crop of side `size`.
    """
    try:
        return part_weights(landmarks, regions, size, grid)
    except ValueError:
        return np.full((len(regions.parts), *grid), np.nan, np.float32)


def global_embedding(encoded: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Return the backbone's own embeddings (B, d) from the encoder's output."""
    return encoded[:, :dim]


def part_features(encoded: NDArray[np.float32], dim: int, parts: int) -> NDArray[np.float32]:
    """Return the features of each part, (K, B, C), from the encoder's output."""
    pooled = encoded[:, dim:].reshape(len(encoded), parts, -1)  # (B, K, C)
    return np.ascontiguousarray(pooled.transpose(1, 0, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The encoder's output for n crops of a split, and what is known of each.

    `labels` (n, K) are those of parts (`part_labels`), `fake` (n,) those of faces; `clean` (n,)
    marks the unchanged faces, which are in no pair. `families` (n,) are of the fakes, "" for reals.
    `shown` are the first few faces with one pair.
    """

    rows: NDArray[np.float32]  # (n, d + K C)
    labels: NDArray[np.float32]
    fake: NDArray[np.int64]
    clean: NDArray[np.bool_]
    families: NDArray[np.str_]
    skipped: tuple[Skipped, ...]
    examples: tuple[PartViews, ...]
    sharpness: NDArray[np.float32] | None = None  # (n,)

    @property
    def faces(self) -> int:
        return int(self.clean.sum())
