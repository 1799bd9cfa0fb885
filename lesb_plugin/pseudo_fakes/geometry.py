"""Warps from one face onto another and within one face, as maps for `cv2.remap`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.mask import Mask, Points, support
from registry import similarity

__all__ = [
    "apply_map",
    "bend_map",
    "most_alike",
    "piecewise_map",
    "reshape_map",
    "similarity_map",
    "unit_shapes",
    "where_to",
]

Map = NDArray[np.float32]  # (H, W, 2): where each pixel of the result comes from, x and y


def unit_shapes(points: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return shapes (n, P, 2) as numbers of the complex plane (n, P), centred and of length 1."""
    shapes = points[..., 0] + 1j * points[..., 1]
    shapes -= shapes.mean(axis=1, keepdims=True)
    return np.asarray(shapes / np.linalg.norm(shapes, axis=1, keepdims=True), np.complex64)


def most_alike(shapes: NDArray[np.complex64], shape: NDArray[np.complex64]) -> int:
    """Return which of unit shapes (n, P) a similarity brings nearest to the unit shape (P,).

    What the best similarity leaves of the distance is 1 - |<a, b>|^2.
    """
    return int(np.abs(shapes.conj() @ shape).argmax())


def similarity_map(shape: tuple[int, int], target: Points, source: Points) -> Map:
    """Return the one similarity that takes the target's landmarks to the source's."""
    return _affine_map(_pixels(shape), similarity(target, source))


def piecewise_map(shape: tuple[int, int], target: Points, source: Points) -> Map:
    """Map each triangle of the target's landmarks to the source's; a similarity beyond their
    hull.
    """
    triangles = Delaunay(target).simplices  # (t, 3)
    owner = np.zeros(shape, np.int32)
    for number, corners in enumerate(target[triangles]):
        cv2.fillConvexPoly(owner, np.rint(corners * 16).astype(np.int32), number + 1, shift=4)
    ones = np.ones((len(triangles), 3, 1))
    corners = np.concatenate([target[triangles], ones], axis=2)  # (t, 3, 3)
    pieces = np.linalg.solve(corners, source[triangles]).transpose(0, 2, 1)  # (t, 2, 3)
    matrices = np.concatenate([similarity(target, source)[None], pieces]).astype(np.float32)
    chosen = matrices[owner]  # (H, W, 2, 3)
    pixels = _pixels(shape)
    mapped = np.einsum("hwij,hwj->hwi", chosen[..., :2], pixels) + chosen[..., 2]
    return np.asarray(mapped, np.float32)


def bend_map(
    mask: Mask,
    rng: np.random.Generator,
    *,
    grid: tuple[int, int],
    bend: float,
    shift: float,
    scale: tuple[float, float],
    pieces: Sequence[Mask] | None = None,
) -> Map:
    """Return a smooth warp within a soft mask: scaled per axis about its centre, shifted and bent.

    `bend` (standard deviation) and `shift` are in pixels. Where the mask is 0 nothing moves.
    With `pieces`, soft masks, each of them is changed about its own centre in place of the whole,
    all in the same way, and moved by less, as it is less wide; those left of the mask's centre do
    what their mirror image would.
    """
    pixels = _pixels(mask.shape)
    side = int(rng.integers(grid[0], grid[1] + 1))
    coarse = rng.normal(0.0, bend, (side, side, 2)).astype(np.float32)
    factors = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1]), 2))
    shifts = rng.uniform(-shift, shift, 2)
    mapped = pixels.copy()
    centre, whole = _centre(pixels, mask), support(mask)
    for piece in pieces or [mask]:
        own, window = _centre(pixels, piece), support(piece)
        moves = (pixels[window] - own) * (1.0 / factors - 1.0)
        height, width = moves.shape[:2]
        share = width / (whole[1].stop - whole[1].start)
        field, side_of = (coarse, 1.0) if own[0] >= centre[0] else (coarse[:, ::-1], -1.0)
        mirror = share * np.array([side_of, 1.0], np.float32)
        moves += shifts * mirror
        moves += cv2.resize(field * mirror, (width, height), interpolation=cv2.INTER_CUBIC)
        mapped[window] += moves * piece[window][..., None]
    return mapped


def _centre(pixels: Map, mask: Mask) -> NDArray[np.float32]:
    x, y = pixels[0, :, 0], pixels[:, 0, 1]
    along, down = mask.sum(axis=0), mask.sum(axis=1)
    return np.asarray(np.array([along @ x, down @ y], np.float32) / along.sum())


def reshape_map(
    shape: tuple[int, int], rng: np.random.Generator, *, bend: float, stretch: float
) -> Map:
    """Return a warp of the whole image, smooth on the scale of a face; its corners move too.

    `bend` in pixels is the standard deviation of a field of 4 x 4 random moves; `stretch` makes
    the image by that share wider and as much less high about its centre.
    """
    height, width = shape
    coarse = rng.normal(0.0, bend, (4, 4, 2)).astype(np.float32)
    where = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for axis, (side, factor) in enumerate([(width, -stretch), (height, stretch)]):
        centre = (side - 1) / 2
        to = centre + (np.arange(side, dtype=np.float32) - centre) * np.float32(np.exp(factor / 2))
        where[..., axis] += to if axis == 0 else to[:, None]
    return np.asarray(where, np.float32)


def where_to(where: Map, points: Points) -> Points:
    """Return where points (n, 2) of an image lie after `apply_map`: a fixed point of the smooth
    map.
    """
    found = points.astype(np.float32)
    for _ in range(8):
        x, y = (np.ascontiguousarray(each).reshape(-1, 1) for each in found.T)
        seen = cv2.remap(where, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found = found + points - seen[:, 0]
    return np.asarray(found, np.float32)


def apply_map(image: Image, where: Map, interpolation: int) -> Image:
    """Sample the image through a map; beyond its border, its mirror image."""
    border = cv2.BORDER_REFLECT_101
    x, y = np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=border), np.uint8)


def _pixels(shape: tuple[int, ...]) -> Map:
    """Return x and y of every pixel, (H, W, 2)."""
    height, width = shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack([x, y], axis=-1)


def _affine_map(pixels: Map, matrix: NDArray[np.float64]) -> Map:
    return np.asarray(pixels @ matrix[:, :2].T + matrix[:, 2], np.float32)
