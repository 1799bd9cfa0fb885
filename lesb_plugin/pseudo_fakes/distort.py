"""Photometric distortions of uint8 RGB images; parameters in, image out, input unchanged.

A distortion whose parameters were drawn is a plain function of the image, so that one draw can be
applied to the fake and to the real of a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Colour",
    "Image",
    "compress",
    "draw_colour",
    "draw_resolution",
    "pixelate",
    "scale_tones",
    "sharpen",
    "shift_hsv",
    "shift_rgb",
]

Image = NDArray[np.uint8]
Triple = Sequence[float] | NDArray[np.float64]
Distortion = Callable[[Image], Image]

_LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Ranges (drawn uniformly from +-range) and probabilities of the three colour distortions."""

    rgb: float = 20.0  # levels, per channel
    rgb_p: float = 0.3
    hsv: float = 0.3  # 8-bit units of hue (0-179), saturation and value, not fractions
    hsv_p: float = 1.0
    tone: float = 0.1  # contrast factor 1 +- tone and brightness +- tone of full scale
    tone_p: float = 1.0


def shift_rgb(image: Image, shift: Triple) -> Image:
    """Add `shift` (3,) levels to the channels; clipped, fractions cut off."""
    table = _table(_LEVELS[:, None] + np.asarray(shift, np.float64))  # (256, 3)
    return np.asarray(cv2.LUT(image, table[None]))


def shift_hsv(image: Image, shift: Triple) -> Image:
    """Add `shift` (3,) to hue, saturation and value in 8-bit units; fractions cut off.

    A shift of +-0.3 therefore acts as -1 (where negative) or 0, and on top of it comes the rounding
    noise of the way to HSV and back. Hue wraps at 180; the other two are clipped.
    """
    hue, saturation, value = (float(s) for s in shift)
    table = np.stack(
        [
            np.mod(_LEVELS + hue, 180.0).astype(np.uint8),
            _table(_LEVELS + saturation),
            _table(_LEVELS + value),
        ],
        axis=-1,
    )
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table[None])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def scale_tones(image: Image, contrast: float, brightness: float) -> Image:
    """`contrast * level + 255 * brightness`, clipped, fractions cut off."""
    return np.asarray(cv2.LUT(image, _table(_LEVELS * contrast + 255.0 * brightness)))


def pixelate(image: Image, factor: int) -> Image:
    """Keep every `factor`-th pixel (nearest neighbour) and interpolate linearly between them."""
    height, width = image.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpen(image: Image, alpha: float, lightness: float) -> Image:
    """Mix in a Laplacian-sharpened copy; the kernel sums to 1 - alpha (1 - lightness)."""
    kernel = np.full((3, 3), -alpha)
    kernel[1, 1] = (1.0 - alpha) + alpha * (8.0 + lightness)
    return np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)


def compress(image: Image, quality: int) -> Image:
    """Return the image after one round of JPEG at `quality` (1-100)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    coded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def draw_colour(recipe: Colour, rng: np.random.Generator) -> Distortion:
    """Draw a shift of RGB, of HSV and of tone, each with its probability, in this order."""
    happens = rng.random(3) < (recipe.rgb_p, recipe.hsv_p, recipe.tone_p)
    rgb = rng.uniform(-recipe.rgb, recipe.rgb, 3)
    hsv = rng.uniform(-recipe.hsv, recipe.hsv, 3)
    contrast, brightness = rng.uniform(-recipe.tone, recipe.tone, 2)

    def distort(image: Image) -> Image:
        if happens[0]:
            image = shift_rgb(image, rgb)
        if happens[1]:
            image = shift_hsv(image, hsv)
        return scale_tones(image, 1.0 + contrast, brightness) if happens[2] else image

    return distort


def draw_resolution(probability: float, rng: np.random.Generator) -> Distortion:
    """Draw fewer pixels (by 2 or 4) or sharpening (alpha 0.2 to 0.5, lightness 0.5 to 1)."""
    happens, fewer = rng.random(2) < (probability, 0.5)
    factor = int(rng.choice((2, 4)))
    alpha, lightness = rng.uniform((0.2, 0.5), (0.5, 1.0))

    def distort(image: Image) -> Image:
        if not happens:
            return image
        return pixelate(image, factor) if fewer else sharpen(image, alpha, lightness)

    return distort


def _table(levels: NDArray[np.float64]) -> Image:
    return np.clip(levels, 0.0, 255.0).astype(np.uint8)
