"""A wrapper: any backbone, with each number of its embedding on the scale of real faces."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench_sample.detector import read_artefact
from registry import Backbone, Features

__all__ = ["StandardBackbone", "wrap_standard"]


class StandardBackbone:
    """A backbone made from another one; `weights_sha256` is its own, for caches go by it."""

    mean_pooled = False

    def __init__(self, base: Backbone, mean: NDArray[np.float32], std: NDArray[np.float32]) -> None:
        self.name, self.crop, self.dim = f"standard({base.name})", base.crop, base.dim
        self.weights, self.trained_on = base.weights, base.trained_on
        parts = base.weights_sha256.encode() + mean.tobytes() + std.tobytes()
        self.weights_sha256 = hashlib.sha256(parts).hexdigest()
        self._base = base
        self._mean, self._std = torch.from_numpy(mean), torch.from_numpy(std)  # (d,)

    def features(self, images: torch.Tensor) -> Features:
        return self._base.features(images)

    def embed(self, features: Features) -> torch.Tensor:
        return (self._base.embed(features).float() - self._mean) / self._std  # (B, d)

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None

    def to(self, device: str) -> StandardBackbone:
        self._base = self._base.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self


def wrap_standard(backbone: Backbone, artefact: Path) -> StandardBackbone:
    """What `--wrap sample_standard --artefact DIR` runs; an artefact of sample_distance does."""
    return StandardBackbone(backbone, *read_artefact(artefact, backbone))
