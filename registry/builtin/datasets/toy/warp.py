"""Smooth maps between pictures that take given points to given points: thin-plate splines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]
    _Real = TypeVar("_Real", bound=np.floating)

__all__ = ["SIZE", "spline_map", "warp"]

SIZE = 256  # pixels, of every frame
_STEP = 2  # pixels between the nodes where a map is computed; cubic in between
_STIFFNESS = 2e-5  # 0 would pass through every point exactly and fold where two nearly meet


def spline_map(start: Points, end: Points) -> Image:
    """Return, for each pixel of a frame with points `start` (P, 2), its place with points `end`
    (P, 2).

    The interpolant of least bending energy (Bookstein 1989), computed on a coarser grid.
    """
    count, unit = len(start), float(SIZE)
    here, move = start / unit, (end - start) / unit
    kernel = _bending(((here[:, None] - here) ** 2).sum(axis=-1))  # (P, P)
    affine = np.column_stack([np.ones(count), here])  # (P, 3)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel + _STIFFNESS * np.eye(count)
    system[:count, count:], system[count:, :count] = affine, affine.T
    solved = np.linalg.solve(system, np.concatenate([move, np.zeros((3, 2))]))  # (P + 3, 2)
    ticks = np.arange(-_STEP, SIZE + 2 * _STEP, _STEP, dtype=np.float32) / np.float32(unit)
    x, y = here.astype(np.float32).T
    across, down = (ticks[:, None] - x) ** 2, (ticks[:, None] - y) ** 2  # (G, P)
    squares = (down[:, None] + across).reshape(-1, count)  # (G * G, P)
    weights = solved.astype(np.float32)
    field = _bending(squares) @ weights[:count] + weights[count]
    field = field.reshape(len(ticks), len(ticks), 2)
    field += ticks[None, :, None] * weights[count + 1] + ticks[:, None, None] * weights[count + 2]
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    at = (columns / _STEP + 1, rows / _STEP + 1)
    dense = cv2.remap(field * unit, *at, cv2.INTER_CUBIC)
    mapped: Image = dense + np.stack([columns, rows], axis=-1)
    return mapped


def warp(image: Image, where: Image) -> Image:
    """Sample `image` (H, W[, C]) at the places `where` (256, 256, 2)."""
    looked: Image = cv2.remap(image, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return looked


def _bending(squares: NDArray[_Real]) -> NDArray[_Real]:
    """Return r^2 log r^2 of squared distances, 0 at 0."""
    bending: NDArray[_Real] = squares * np.log(np.maximum(squares, 1e-12))
    return bending
