"""Self-blending: a pseudo-fake made of one real face and a distorted copy of itself.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022). Everything
here is a pure function of an image, its landmarks and a random generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.distort import Image, compress, draw_colour, draw_resolution
from lesb_plugin.pseudo_fakes.mask import Mask, Points, face_hull, soften, support, warp_mask
from lesb_plugin.pseudo_fakes.style import Style

__all__ = ["Pair", "Style", "mirror", "self_blend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pseudo-fake and the real it was blended onto, as uint8 RGB (h, w, 3).

    `mask` (h, w) in [0, 1] is the opacity of the source in the fake; `landmarks` (P, 2) lie in
    pixels of the pair; `matrix` (2, 3) takes pixels of the input image to pixels of the pair.
    """

    fake: Image
    real: Image
    mask: Mask
    landmarks: Points
    matrix: NDArray[np.float64]


def self_blend(
    image: Image, landmarks: Points, rng: np.random.Generator, style: Style | None = None
) -> Pair:
    """Return a pseudo-fake of `image` (H, W, 3) uint8 RGB with `landmarks` (68 | 81, 2).

    ValueError where the landmarks are of another shape, not finite or outside of the image.
    """
    style = style or Style()
    image, landmarks, matrix = _prepare(image, landmarks, mirrored=rng.random() < style.flip)
    distorted = draw_colour(style.colour, rng)(image)
    distorted = draw_resolution(style.resolution, rng)(distorted)
    on_source = rng.random() < style.source
    source, target = (distorted, image) if on_source else (image, distorted)

    move = _draw_affine(image.shape[:2], style, rng)
    mask = _draw_mask(image.shape[:2], landmarks, move, style, rng)
    fake = _overlay(source, target, mask, move)
    fake, real = _draw_after(fake, target, style, rng)
    return Pair(fake=fake, real=real, mask=mask, landmarks=landmarks, matrix=matrix)


# --- geometry of the whole sample --------------------------------------------------------------

# Which landmark a mirrored face has in place of each of the 81 (the first 68 close on themselves).
_EYES = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
_LIPS = (54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65)
_FOREHEAD = (73, 72, 80, 71, 69, 68, 75, 74, 79, 78, 77, 76, 70)
_JAW_BROWS_NOSE = (*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1))
_MIRRORED = np.array([*_JAW_BROWS_NOSE, *_EYES, *_LIPS, *_FOREHEAD])


def mirror(landmarks: Points, width: int) -> Points:
    """Return landmarks (68 | 81, 2) of the mirrored image: x' = W - 1 - x, left and right
    swapped.
    """
    swapped = landmarks[_MIRRORED[: len(landmarks)]]
    return np.stack([width - 1 - swapped[:, 0], swapped[:, 1]], axis=-1).astype(np.float32)


def _prepare(
    image: Image, landmarks: Points, *, mirrored: bool
) -> tuple[Image, Points, NDArray[np.float64]]:
    """Cut the surroundings of the face, mirrored if requested, and their place in the image."""
    points = np.asarray(landmarks, np.float32)
    if points.shape not in {(68, 2), (81, 2)} or not np.isfinite(points).all():
        raise ValueError(f"landmarks must be (68, 2) or (81, 2) finite numbers, not {points.shape}")
    height, width = image.shape[:2]
    matrix = np.eye(2, 3)
    if mirrored:
        image, points = image[:, ::-1], mirror(points, width)
        matrix[0] = (-1.0, 0.0, width - 1.0)
    left, top, right, bottom = _around(points, width, height)
    matrix[:, 2] -= (left, top)
    points = points - np.array([left, top], np.float32)
    return np.ascontiguousarray(image[top:bottom, left:right]), points, matrix


def _around(points: Points, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the bounds of the landmarks grown by half a width, a height above, 0.4 heights
    below.
    """
    (x0, y0), (x1, y1) = points[:68].min(axis=0), points[:68].max(axis=0)
    w, h = x1 - x0, y1 - y0
    left, right = max(0, int(x0 - w / 2)), min(width, int(x1 + w / 2) + 1)
    top, bottom = max(0, int(y0 - h)), min(height, int(y1 + 0.4 * h) + 1)
    if min(w, h) < 2 or x1 < 0 or y1 < 0 or x0 >= width or y0 >= height:
        raise ValueError(
            f"landmarks span x {x0:.0f}..{x1:.0f}, y {y0:.0f}..{y1:.0f}: not a face in an image of "
            f"{width} x {height} pixels"
        )
    return left, top, right, bottom


# --- source over target --------------------------------------------------------------------------


def _draw_affine(
    shape: tuple[int, int], style: Style, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the move of source and mask (2, 3): scaled per axis about the centre, and shifted."""
    size = np.array(shape[::-1], np.float64)
    scale = rng.uniform(style.scale, 1.0 / style.scale, 2)
    shift = rng.uniform(-1.0, 1.0, 2) * style.shift * size
    centre = (size - 1.0) / 2.0
    return np.column_stack([np.diag(scale), centre - scale * centre + shift])


def _draw_mask(
    shape: tuple[int, int],
    landmarks: Points,
    move: NDArray[np.float64],
    style: Style,
    rng: np.random.Generator,
) -> Mask:
    """Draw the source's opacity; the hull of moved landmarks is the moved hull of landmarks."""
    moved = (landmarks @ move[:, :2].T + move[:, 2]).astype(np.float32)
    if rng.random() < style.without_forehead:
        moved = moved[:68]
    mask = face_hull(shape, moved, style.hulls[rng.integers(len(style.hulls))])
    mask = warp_mask(mask, rng, amplitude=style.elastic, sigma=style.elastic_sigma)
    mask = soften(mask, rng, grid=style.grid, kernel=style.kernel)
    return np.asarray(mask * np.float32(rng.choice(style.ratios)))


def _overlay(source: Image, target: Image, mask: Mask, move: NDArray[np.float64]) -> Image:
    """Lay the moved source over the target, rounded; exactly the target where the mask is 0."""
    rows, columns = window = support(mask)
    mixed = target.copy()
    if mask[window].size:
        local = move - [[0, 0, columns.start], [0, 0, rows.start]]  # pixels of the window
        size = mask[window].shape[::-1]
        moved = cv2.warpAffine(source, local, size, borderMode=cv2.BORDER_REPLICATE)
        base = target[window].astype(np.float32)
        base += mask[window][..., None] * (moved - base)
        mixed[window] = np.rint(base, out=base)
    return mixed


def _draw_after(
    fake: Image, real: Image, style: Style, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Draw one set of distortions of the finished pair, applied to both."""
    if style.after is not None:
        distort = draw_colour(style.after, rng)
        fake, real = distort(fake), distort(real)
    if rng.random() < style.jpeg_p:
        quality = int(rng.integers(style.jpeg[0], style.jpeg[1] + 1))
        fake, real = compress(fake, quality), compress(real, quality)
    return fake, real
