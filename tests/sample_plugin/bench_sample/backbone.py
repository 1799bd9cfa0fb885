"""A backbone without weights: means and contrasts of grid cells."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from bench_sample.plugin import WEIGHTS_SHA256
from registry import ConfigError, CropPolicy, Features, Training

__all__ = ["GridBackbone"]


class GridBackbone:
    """Six channels on an 8 x 8 grid: mean and standard deviation of red, green and blue."""

    crop = CropPolicy(size=64)
    dim = 6
    mean_pooled = True
    weights = "none"
    weights_sha256 = WEIGHTS_SHA256
    trained_on: tuple[Training, ...] = ()

    def __init__(self, name: str, weights: str | None = None, seed: int = 0) -> None:
        if weights is not None:
            raise ConfigError(f"{name} has no weights to load, got {weights!r}; drop --weights")
        self.name = name

    def features(self, images: torch.Tensor) -> Features:
        mean = avg_pool2d(images, 8)  # (B, 3, 8, 8)
        square = avg_pool2d(images**2, 8)
        spread = (square - mean**2).clamp_min(0).sqrt()
        return Features(map=torch.cat([mean, spread], dim=1))  # (B, 6, 8, 8)

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean(dim=(2, 3))  # (B, 6)

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None

    def to(self, device: str) -> GridBackbone:
        return self
