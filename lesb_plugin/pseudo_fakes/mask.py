"""Where a pseudo-fake's source covers its target: hulls of landmarks, warped and softened."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HULLS",
    "Mask",
    "Points",
    "elastic_field",
    "face_hull",
    "mask_fault",
    "soften",
    "support",
    "warp_mask",
]

Points = NDArray[np.float32]
Mask = NDArray[np.float32]


def _raised_brows(points: Points) -> Points:
    """Return jaw and brows, the brows raised by half their distance to the eyes."""
    jaw, brows = points[:17], points[17:27]
    below = points[[36, 36, 37, 38, 39, 42, 43, 44, 45, 45]]
    return np.concatenate([jaw, brows + (brows - below) / 2])


_JAW, _BROWS = list(range(17)), list(range(17, 27))

# Each family is a union of convex hulls of landmarks.
HULLS: dict[str, Callable[[Points], list[Points]]] = {
    "lower": lambda points: [points[_JAW], points[[0, 16, *_BROWS]]],
    "components": lambda points: [
        points[[*range(9), 17]],  # cheek
        points[[*range(8, 17), 26]],  # other cheek
        points[[8, *_BROWS]],  # brows to chin, with eyes, nose and mouth
    ],
    "brows": lambda points: [_raised_brows(points)],
    "full": lambda points: [points],  # forehead included, where 81 points are known
}


def face_hull(shape: tuple[int, int], landmarks: Points, family: str) -> Mask:
    """Return the hard mask (h, w) in {0, 1} of one of the `HULLS` of `landmarks` (68 | 81, 2)."""
    mask = np.zeros(shape, np.uint8)
    for points in HULLS[family](landmarks):
        hull = cv2.convexHull(np.rint(points).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
    return mask.astype(np.float32)


def mask_fault(hulls: Sequence[str], kernel: tuple[int, int]) -> str:
    """Say why masks cannot be drawn from these hulls and softened by blurs of these sizes, or
    "".
    """
    unknown = [name for name in hulls if name not in HULLS]
    if unknown or not hulls:
        return f"hulls {unknown} are not among {', '.join(HULLS)}"
    if any(size % 2 == 0 for size in kernel):
        return f"kernel {list(kernel)} must be two odd sizes"
    return ""


def warp_mask(mask: Mask, rng: np.random.Generator, *, amplitude: float, sigma: float) -> Mask:
    """Warp elastically: every pixel moves by smoothed uniform noise in +-`amplitude` pixels.

    The field is drawn only as far around the mask as eight standard deviations of a move reach.
    """
    if not mask.any():
        return mask.copy()
    deviation = amplitude / (math.sqrt(12.0 * math.pi) * sigma)
    window = support(mask, math.ceil(8.0 * deviation))
    inside = mask[window]
    height, width = inside.shape
    moves = elastic_field(height, width, rng, amplitude=amplitude, sigma=sigma)
    x = moves[..., 0] + np.arange(width, dtype=np.float32)
    y = moves[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    warped = np.zeros_like(mask)
    warped[window] = cv2.remap(inside, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return warped


def elastic_field(
    height: int, width: int, rng: np.random.Generator, *, amplitude: float, sigma: float
) -> NDArray[np.float32]:
    """Return moves (height, width, 2) in pixels: noise in +-`amplitude`, smoothed to four sigma."""
    noise = rng.random((height, width, 2), dtype=np.float32)
    noise -= 0.5
    noise *= 2.0 * amplitude
    size = 2 * int(4.0 * sigma + 0.5) + 1  # 57 for a sigma of 7
    field_ = cv2.GaussianBlur(noise, (size, size), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(field_, np.float32)


def support(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Return rows and columns of a mask's non-zero pixels, grown by `margin`; an empty mask has
    none.
    """
    left, top, width, height = cv2.boundingRect((mask != 0).view(np.uint8))
    if width == 0:
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def soften(
    mask: Mask, rng: np.random.Generator, *, grid: tuple[int, int], kernel: tuple[int, int]
) -> Mask:
    """Return a soft-edged mask inside a hard one, with peak 1, softened on a coarse grid of
    random size.

    What a first blur leaves at 1 is kept, the rest dropped, and the result blurred again. "Left at
    1" is where the kernel's window lies inside of the mask, which an erosion finds without
    rounding errors.
    """
    height, width = mask.shape
    sides = rng.integers(grid[0], grid[1] + 1, 2)
    first, second = (int(k) for k in rng.choice(np.arange(kernel[0], kernel[1] + 1, 2), 2))
    small = cv2.resize(mask, (int(sides[0]), int(sides[1])), interpolation=cv2.INTER_LINEAR)
    inner = cv2.erode(small, np.ones((first, first), np.uint8))
    inner = (inner > 1.0 - 1e-4).astype(np.float32)
    soft = cv2.GaussianBlur(inner, (second, second), 0)
    peak = float(soft.max())
    if peak == 0.0:
        raise ValueError("the landmarks span too little of the face for a mask with an interior")
    soft = cv2.resize(soft / peak, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(soft, 0.0, 1.0), np.float32)
