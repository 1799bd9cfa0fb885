"""Change one side of a blend: colour, detail, noise and a small move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from lesb_plugin.pseudo_fakes.distort import Image, shift_hsv, shift_rgb
from lesb_plugin.pseudo_fakes.filters import (
    INTERPOLATIONS,
    add_noise,
    blur,
    resample,
    tone_curve,
    unsharp,
)
from lesb_plugin.pseudo_fakes.mask import Mask
from lesb_plugin.pseudo_fakes.recipe import Source

__all__ = ["draw_change", "interpolate", "match_colour", "move"]

Distortion = Callable[[Image], Image]


def draw_change(recipe: Source, rng: np.random.Generator) -> Distortion:
    """Draw a change of colour, detail and noise, each with its probability."""
    steps: list[Distortion] = []
    shift = rng.uniform(-recipe.rgb, recipe.rgb, 3)
    hsv = rng.uniform(-1.0, 1.0, 3) * (recipe.hue, recipe.saturation, recipe.value)
    contrast = 1.0 + rng.uniform(-recipe.contrast, recipe.contrast)
    brightness = rng.uniform(-recipe.brightness, recipe.brightness)
    happens = rng.random(5) < (
        recipe.rgb_p,
        recipe.hsv_p,
        recipe.tone_p,
        recipe.detail_p,
        recipe.noise_p,
    )
    detail, noise = _draw_detail(recipe, rng), _draw_noise(recipe, rng)
    steps += [partial(shift_rgb, shift=shift)] if happens[0] else []
    steps += [partial(shift_hsv, shift=hsv)] if happens[1] else []
    tone = partial(tone_curve, contrast=contrast, brightness=brightness, gamma=1.0)
    steps += [tone] if happens[2] else []
    steps += [detail] if happens[3] else []
    steps += [noise] if happens[4] else []

    def change(image: Image) -> Image:
        for step in steps:
            image = step(image)
        return image

    return change


def move(source: Image, mask: Mask, recipe: Source, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Scale, rotate and shift source and mask by one draw, both alike."""
    height, width = mask.shape
    linear = np.diag(1.0 + rng.uniform(-recipe.scale, recipe.scale, 2))
    angle = np.radians(rng.uniform(-recipe.rotation, recipe.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ linear
    shift = rng.uniform(-1.0, 1.0, 2) * recipe.shift * (width, height)
    centre = np.array([width - 1, height - 1]) / 2.0
    matrix = np.column_stack([linear, centre - linear @ centre + shift])
    flags, size = INTERPOLATIONS[rng.choice((0, 1, 3))], (width, height)
    moved = cv2.warpAffine(source, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8), np.asarray(cv2.warpAffine(mask, matrix, size), np.float32)


def interpolate(image: Image, rng: np.random.Generator) -> Image:
    """Move the image by part of a pixel and back, so that it is resampled as a source is."""
    dx, dy = rng.uniform(-0.5, 0.5, 2)
    flags = INTERPOLATIONS[rng.choice((0, 1, 3))]
    size = (image.shape[1], image.shape[0])
    for sign in (1.0, -1.0):
        matrix = np.array([[1.0, 0.0, sign * dx], [0.0, 1.0, sign * dy]])
        moved = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        image = np.asarray(moved, np.uint8)
    return image


def match_colour(source: Image, target: Image, mask: Mask, share: float) -> Image:
    """Reduce the difference of `source` to `target` in mean and spread within `mask` by `share`."""
    inside = (mask > 0.5).astype(np.uint8)
    if np.count_nonzero(inside) < 16:
        raise ValueError("the mask holds too few pixels to match colours in")
    (mean, spread), (their_mean, their_spread) = (
        np.array(cv2.meanStdDev(image, mask=inside))[..., 0] for image in (source, target)
    )  # each (3,)
    gain = their_spread / np.maximum(spread, 1.0)
    gain = 1.0 + share * (np.clip(gain, 0.4, 2.5) - 1.0)
    goal = mean + share * (their_mean - mean)
    table = (np.arange(256)[:, None] - mean) * gain + goal  # (256, 3)
    return np.asarray(cv2.LUT(source, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None]))


def _draw_detail(recipe: Source, rng: np.random.Generator) -> Distortion:
    """Draw a loss of pixels (half of the draws), a blur, or sharpening."""
    factor, down = rng.uniform(*recipe.resample), INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    kinds = (
        partial(resample, factor=factor, down=down, up=cv2.INTER_LINEAR),
        partial(blur, sigma=rng.uniform(*recipe.blur)),
        partial(unsharp, amount=rng.uniform(*recipe.sharpen)),
    )
    return kinds[(0, 0, 1, 2)[rng.integers(4)]]


def _draw_noise(recipe: Source, rng: np.random.Generator) -> Distortion:
    sigma, coloured, seed = (
        rng.uniform(*recipe.noise),
        bool(rng.random() < 0.5),
        rng.integers(2**63),
    )
    return partial(add_noise, sigma=sigma, coloured=coloured, seed=int(seed))
