"""Self-blending: a pseudo-fake made of one real face and a distorted copy of itself.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022). Everything
here is a pure function of an image, its landmarks and a random generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.distort import Colour, Image, compress, draw_colour, draw_resolution

__all__ = ["HULLS", "Pair", "Style", "face_hull", "mirror", "self_blend", "soften", "warp_mask"]

Points = NDArray[np.float32]
Mask = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Style:
    """The law pseudo-fakes are drawn from; the defaults are those of SBI in training."""

    flip: float = 0.5  # probability of mirroring the whole sample
    without_forehead: float = 0.25  # probability of using 68 of 81 landmarks
    hulls: tuple[str, ...] = ("lower", "components", "brows", "full")  # equally likely
    source: float = 0.5  # probability that the source is distorted; else the target is
    colour: Colour = field(default_factory=Colour)  # of the distorted side
    scale: float = 0.95  # scale per axis from `scale` to 1 / `scale`
    shift: tuple[float, float] = (0.03, 0.015)  # of width and height
    elastic: float = 50.0  # amplitude in pixels before smoothing
    elastic_sigma: float = 7.0  # pixels
    grid: tuple[int, int] = (192, 256)  # sides of the grid that the mask is softened on
    kernel: tuple[int, int] = (5, 25)  # odd sizes of the two blurs
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # opacity, equally likely
    after: Colour | None = field(  # of both images of the pair
        default_factory=lambda: Colour(hsv_p=0.3, tone=0.3, tone_p=0.3)
    )
    jpeg: tuple[int, int] = (40, 100)  # quality
    jpeg_p: float = 0.5  # probability that both images are compressed

    def __post_init__(self) -> None:
        unknown = sorted(set(self.hulls) - set(HULLS))
        if unknown or not self.hulls:
            raise ValueError(f"hulls {unknown or '()'} are not among {', '.join(HULLS)}")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Style:
        """A style from configuration; ValueError names a key that no field has."""
        values = {key: _plain(value) for key, value in mapping.items()}
        for key in ("colour", "after"):
            if isinstance(values.get(key), Mapping):
                values[key] = Colour(**_known(Colour, values[key], f"{key}."))
        return cls(**_known(cls, values))

    def for_validation(self) -> Style:
        """The same blends of unmirrored faces, without the distortions of both images."""
        return replace(self, flip=0.0, after=None, jpeg_p=0.0)


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
    """A pseudo-fake of `image` (H, W, 3) uint8 RGB with `landmarks` (68 | 81, 2).

    ValueError where the landmarks are of another shape, not finite or outside of the image.
    """
    style = style or Style()
    image, landmarks, matrix = _prepare(image, landmarks, mirrored=rng.random() < style.flip)
    mask = _draw_hull(image.shape[:2], landmarks, style, rng)

    colour, resolution = draw_colour(style.colour, rng), draw_resolution(rng)
    distorted = resolution(colour(image))
    on_source = rng.random() < style.source
    source, target = (distorted, image) if on_source else (image, distorted)

    source, mask = _draw_affine(source, mask, style, rng)
    mask = warp_mask(mask, rng, amplitude=style.elastic, sigma=style.elastic_sigma)
    mask = soften(mask, rng, grid=style.grid, kernel=style.kernel) * np.float32(
        rng.choice(style.ratios)
    )
    fake = _mix(source, target, mask)
    fake, real = _draw_after(fake, target, style, rng)
    return Pair(fake=fake, real=real, mask=mask, landmarks=landmarks, matrix=matrix)


# --- geometry of the whole sample --------------------------------------------------------------

# Which landmark a mirrored face has in place of each of the 81 (the first 68 close on themselves).
_MIRRORED = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]  # eyes
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]  # mouth
    + [73, 72, 80, 71, 69, 68, 75, 74, 79, 78, 77, 76, 70]  # forehead
)


def mirror(landmarks: Points, width: int) -> Points:
    """Landmarks (68 | 81, 2) of the image of `width` mirrored: x' = W - 1 - x, left and right swapped."""
    swapped = landmarks[_MIRRORED[: len(landmarks)]]
    return np.stack([width - 1 - swapped[:, 0], swapped[:, 1]], axis=-1).astype(np.float32)


def _prepare(
    image: Image, landmarks: Points, *, mirrored: bool
) -> tuple[Image, Points, NDArray[np.float64]]:
    """The part of the image around the face, mirrored if asked, and how it lies in the image."""
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
    """Bounds of the 68 landmarks grown by half a width, a height above and .4 heights below."""
    (x0, y0), (x1, y1) = points[:68].min(axis=0), points[:68].max(axis=0)
    w, h = x1 - x0, y1 - y0
    left, right = max(0, int(x0 - w / 2)), min(width, int(x1 + w / 2) + 1)
    top, bottom = max(0, int(y0 - h)), min(height, int(y1 + 0.4 * h) + 1)
    if min(w, h) < 2 or x1 < 0 or y1 < 0 or x0 >= width or y0 >= height:
        raise ValueError(
            f"landmarks span x {x0:.0f}..{x1:.0f}, y {y0:.0f}..{y1:.0f}: no face in an image of "
            f"{width} x {height} pixels"
        )
    return left, top, right, bottom


# --- mask --------------------------------------------------------------------------------------


def _raised_brows(points: Points) -> Points:
    """Jaw and brows, the brows raised by half their distance to the eyes below them."""
    jaw, brows = points[:17], points[17:27]
    below = points[[36, 36, 37, 38, 39, 42, 43, 44, 45, 45]]
    return np.concatenate([jaw, brows + (brows - below) / 2])


_JAW, _BROWS = list(range(17)), list(range(17, 27))

# Each family is a union of convex hulls of landmarks.
HULLS = {
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
    """The hard mask (h, w) in {0, 1} of one of the `HULLS` of `landmarks` (68 | 81, 2)."""
    mask = np.zeros(shape, np.uint8)
    for points in HULLS[family](landmarks):
        hull = cv2.convexHull(np.rint(points).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
    return mask.astype(np.float32)


def _draw_hull(
    shape: tuple[int, int], landmarks: Points, style: Style, rng: np.random.Generator
) -> Mask:
    if rng.random() < style.without_forehead:
        landmarks = landmarks[:68]
    return face_hull(shape, landmarks, style.hulls[rng.integers(len(style.hulls))])


def _draw_affine(
    source: Image, mask: Mask, style: Style, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Source and mask scaled per axis about the centre and shifted, both alike."""
    height, width = mask.shape
    scale = rng.uniform(style.scale, 1.0 / style.scale, 2)
    shift = rng.uniform(-1.0, 1.0, 2) * style.shift * (width, height)
    centre = np.array([width - 1, height - 1]) / 2.0
    matrix = np.column_stack([np.diag(scale), centre - scale * centre + shift])
    size = (width, height)
    moved = cv2.warpAffine(source, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), np.asarray(cv2.warpAffine(mask, matrix, size), np.float32)


def warp_mask(mask: Mask, rng: np.random.Generator, *, amplitude: float, sigma: float) -> Mask:
    """Elastic warp: every pixel moves by smoothed uniform noise in +-`amplitude` pixels."""
    height, width = mask.shape
    noise = rng.random((height, width, 2), dtype=np.float32) * 2.0 - 1.0
    size = 2 * int(4.0 * sigma + 0.5) + 1  # out to four sigma, 57 for a sigma of 7
    moves = amplitude * cv2.GaussianBlur(noise, (size, size), sigma, borderType=cv2.BORDER_REFLECT)
    x = moves[..., 0] + np.arange(width, dtype=np.float32)
    y = moves[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    warped = cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.float32)


def soften(
    mask: Mask, rng: np.random.Generator, *, grid: tuple[int, int], kernel: tuple[int, int]
) -> Mask:
    """A soft-edged mask inside of a hard one, of peak 1, softened on a coarse grid of random size.

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
    return np.clip(soft, 0.0, 1.0, dtype=np.float32)


# --- pixels ------------------------------------------------------------------------------------


def _mix(source: Image, target: Image, mask: Mask) -> Image:
    """mask * source + (1 - mask) * target, rounded; exactly the target where the mask is 0."""
    base = target.astype(np.float32)
    base += mask[..., None] * (source.astype(np.float32) - base)
    return np.rint(base, out=base).astype(np.uint8)


def _draw_after(
    fake: Image, real: Image, style: Style, rng: np.random.Generator
) -> tuple[Image, Image]:
    """One draw of the distortions of the finished pair, applied to both."""
    if style.after is not None:
        distort = draw_colour(style.after, rng)
        fake, real = distort(fake), distort(real)
    if rng.random() < style.jpeg_p:
        quality = int(rng.integers(style.jpeg[0], style.jpeg[1] + 1))
        fake, real = compress(fake, quality), compress(real, quality)
    return fake, real


# --- configuration -----------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known(cls: type, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    names = [f.name for f in fields(cls)]
    unknown = [prefix + key for key in values if key not in names]
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known: {', '.join(names)}")
    return dict(values)
