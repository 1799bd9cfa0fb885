"""Drawn faces and a backbone whose embedding is known: the means of the cells of a grid.

A change of one face part moves exactly the coordinates of the cells that the part covers, so what
LFD has to find is known beforehand.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from registry import CropPolicy, DataError, Face, Features, Training

# A mean face: 81 landmarks in dlib's order, in hundredths of their bounds' width and height.
MEAN_FACE = np.array([
    (0, 33), (1, 44), (2, 55), (4, 66), (9, 76), (17, 85), (27, 93), (39, 99), (52, 100), (66, 98),
    (77, 92), (86, 84), (93, 75), (97, 64), (99, 53), (99, 43), (99, 32), (10, 26), (16, 21),
    (24, 19), (34, 20), (42, 22), (58, 22), (67, 19), (76, 18), (84, 20), (90, 25), (51, 30),
    (51, 37), (51, 44), (52, 52), (41, 56), (46, 57), (52, 59), (57, 57), (62, 55), (21, 32),
    (26, 29), (32, 29), (37, 32), (32, 33), (26, 33), (64, 32), (69, 28), (75, 28), (80, 31),
    (75, 32), (69, 32), (29, 68), (37, 67), (45, 66), (52, 67), (58, 66), (66, 66), (74, 67),
    (66, 74), (58, 77), (52, 78), (45, 77), (37, 75), (32, 69), (45, 69), (52, 69), (58, 68),
    (71, 68), (58, 72), (52, 73), (45, 73), (16, 6), (26, 3), (37, 1), (50, 0), (74, 2), (85, 5),
    (96, 17), (5, 19), (9, 12), (3, 26), (98, 25), (91, 11), (63, 0),
]) / 100  # fmt: skip


@dataclass(frozen=True)
class PlantedSample:
    """A drawn face; equal numbers give equal pixels in every process. Implements `Sample`.

    Faces differ by sensor noise alone and lie at one place, so that what varies in an embedding is
    what a test changes, and which coordinates see a part is the same for all.
    """

    number: int
    points: int = 81

    @property
    def key(self) -> str:
        return f"planted/{self.number}/0"

    @property
    def identity(self) -> str:
        return f"planted/{self.number}"

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        rng = np.random.default_rng([20240829, self.number])
        landmarks = MEAN_FACE * (100, 115) + (40, 40)
        image = _draw(landmarks, rng)
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        face = Face(
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            landmarks=landmarks[: self.points].astype(np.float32),
        )
        return image, face


@dataclass(frozen=True)
class BrokenSample(PlantedSample):
    """A face whose file cannot be read."""

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        raise DataError(f"cannot read face {self.number}: the file is empty")


def _draw(landmarks: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A skin-coloured oval with eyes, brows, a nose and a mouth, and a little sensor noise."""
    image = np.full((200, 180, 3), (96, 110, 120), np.uint8)
    points = np.rint(landmarks).astype(np.int32)
    cv2.fillPoly(image, [cv2.convexHull(points)], (196, 156, 132))
    for brow in (points[17:22], points[22:27]):
        cv2.polylines(image, [brow], False, (84, 60, 48), 3)
    for eye in (points[36:42], points[42:48]):
        cv2.fillPoly(image, [eye], (235, 235, 235))
        centre = eye.mean(axis=0).astype(int).tolist()
        cv2.circle(image, centre, 2, (60, 50, 40), -1)
    cv2.polylines(image, [points[27:36]], False, (150, 110, 92), 2)
    cv2.fillPoly(image, [points[48:60]], (176, 80, 84))
    noisy = cv2.GaussianBlur(image, (3, 3), 0.8) + rng.normal(0, 3, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


class PlantedBackbone:
    """A Backbone: the mean colours of grid x grid cells, row by row, in 8-bit levels."""

    mean_pooled = False
    weights = "none"
    trained_on: tuple[Training, ...] = ()

    def __init__(self, name: str = "planted", size: int = 96, grid: int = 16) -> None:
        self.name, self.grid = name, grid
        self.crop = CropPolicy(size=size)
        self.dim = 3 * grid * grid
        self.weights_sha256 = hashlib.sha256(f"{name} {size} {grid}".encode()).hexdigest()

    def features(self, images: torch.Tensor) -> Features:
        pooled = torch.nn.functional.adaptive_avg_pool2d(images, self.grid)
        return Features(map=255 * pooled)  # (B, 3, grid, grid)

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.permute(0, 2, 3, 1).reshape(-1, self.dim)  # (B, grid * grid * 3)

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None

    def to(self, device: str) -> PlantedBackbone:
        return self

    def cover(self, masks: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The share of each coordinate's cell that masks (n, S, S) cover on average, (d,)."""
        cell = self.crop.size // self.grid
        tiles = masks.mean(axis=0).reshape(self.grid, cell, self.grid, cell)
        return np.repeat(tiles.mean(axis=(1, 3)).reshape(-1), 3)  # (d,)


def planted_samples(count: int, first: int = 0, points: int = 81) -> list[PlantedSample]:
    return [PlantedSample(number, points) for number in range(first, first + count)]
