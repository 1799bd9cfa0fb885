"""Crops to try a plugin on, and comparisons that several contracts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.contracts.types import Crop
from registry.errors import PluginError

__all__ = ["example_crops", "from_threads", "require", "same", "unchanged"]

T = TypeVar("T")
R = TypeVar("R")
# Sums of a batch are ordered by its size, so equal inputs agree to single precision, not exactly.
_TOLERANCE = 1e-4


def example_crops(size: int = 224, count: int = 4, seed: int = 0) -> list[Crop]:
    """Make `count` different crops of smooth noise, with 68 landmarks laid out like a face's."""
    rng = np.random.default_rng([seed, size])
    return [
        Crop(
            image=_smooth(size, rng),
            landmarks=_landmarks(size, rng),
            box=(0, 0, size, size),
            dataset="example",
            video=f"video{index}",
        )
        for index in range(count)
    ]


def require(met: bool, contract: str, found: Any) -> None:
    """Raise a PluginError with the contract and what was found, unless `met`."""
    if not met:
        raise PluginError(f"{contract}; got {found}")


def same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    """Say whether shapes are equal, and values within 1e-4 of the larger array's scale."""
    if first.shape != second.shape:
        return False
    scale = max(float(np.abs(second).max(initial=0)), 1e-12)
    return bool(np.abs(first - second).max(initial=0) <= _TOLERANCE * scale)


def from_threads(call: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call on each item in a thread of its own, all at once."""
    start = Barrier(len(items))

    def started(item: T) -> R:
        start.wait()
        return call(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(started, items))


def unchanged(crops: Sequence[Crop], before: Sequence[Crop], what: str) -> None:
    """Raise a PluginError if a call has changed the images or landmarks it was given."""
    for crop, earlier in zip(crops, before, strict=True):
        images = np.array_equal(crop.image, earlier.image)
        marks = crop.landmarks is None or np.array_equal(crop.landmarks, earlier.landmarks)  # type: ignore[arg-type]
        require(images and marks, f"{what} must not change the crops it is given", "changed crops")


def _smooth(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    coarse = rng.integers(0, 256, (8, 8, 3))
    cells = np.linspace(0, 7, size)
    low = np.minimum(cells.astype(int), 6)
    part = (cells - low)[:, None, None]
    rows = coarse[low] * (1 - part) + coarse[low + 1] * part  # (S, 8, 3)
    part = (cells - low)[None, :, None]
    image = rows[:, low] * (1 - part) + rows[:, low + 1] * part  # (S, S, 3)
    return np.asarray(image, dtype=np.uint8)


def _landmarks(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (68, 2): jaw, brows, nose, eyes and mouth as simple curves of a frontal face,
    jittered.
    """

    def arc(
        count: int, centre: tuple[float, float], radii: tuple[float, float], turn: float
    ) -> Any:
        angle = np.linspace(np.pi, np.pi + turn, count, endpoint=abs(turn) < 6)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii + centre

    full = 2 * np.pi
    points = [
        arc(17, (0.5, 0.45), (0.36, 0.45), -np.pi),  # jaw
        arc(5, (0.33, 0.33), (0.1, 0.05), np.pi),  # brows
        arc(5, (0.67, 0.33), (0.1, 0.05), np.pi),
        np.linspace((0.5, 0.4), (0.5, 0.56), 4),  # nose
        arc(5, (0.5, 0.58), (0.08, 0.03), -np.pi),
        arc(6, (0.34, 0.41), (0.06, 0.03), full),  # eyes
        arc(6, (0.66, 0.41), (0.06, 0.03), full),
        arc(12, (0.5, 0.74), (0.14, 0.06), full),  # mouth
        arc(8, (0.5, 0.74), (0.1, 0.03), full),
    ]
    unit = np.concatenate(points) + rng.normal(0, 0.003, (68, 2))
    return (unit * (size - 1)).astype(np.float32)
