"""Draw what cameras, editors and platforms do to a whole image, once for a real and its fake.

No trace of it may separate the classes, so a draw is a plain function of an image: both images
of a pair get the same function, noise included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from lesb_plugin.pseudo_fakes.codec import draw_coding
from lesb_plugin.pseudo_fakes.distort import Image, compress, shift_rgb
from lesb_plugin.pseudo_fakes.filters import (
    INTERPOLATIONS,
    add_noise,
    blur,
    resample,
    resized,
    saturate,
    tone_curve,
    unsharp,
)
from lesb_plugin.pseudo_fakes.recipe import Quality
from registry import video_frame

__all__ = ["draw_quality"]

Distortion = Callable[[Image], Image]


def draw_quality(recipe: Quality, rng: np.random.Generator) -> Distortion:
    """Draw what happens to a finished image on its way into a data set.

    Tone and colour, then sharpness, size and noise in any order, then video codecs (a camera's, a
    platform's), then what is done to a decoded frame that is stored: another size and JPEG. Some
    are spared all but the colours: traces that compression wipes out are learned from those.
    """
    if rng.random() < recipe.spared_p:
        return _in_turn([*_colours(recipe, rng), *_light(recipe, rng)])
    middle = [*_sharpness(recipe, rng), *_size(recipe, rng), *_noise(recipe, rng)]
    order = rng.permutation(len(middle))
    colours = _colours(recipe, rng)
    return _in_turn(
        [*colours, *(middle[at] for at in order), *_coding(recipe, rng), *_storing(recipe, rng)]
    )


def _in_turn(steps: Sequence[Distortion]) -> Distortion:
    def distort(image: Image) -> Image:
        for step in steps:
            image = step(image)
        return image

    return distort


def _light(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    """Apply a JPEG pass of good quality in half of the draws."""
    happens, quality = rng.random() < 0.5, int(rng.integers(*recipe.spared_jpeg, endpoint=True))
    return [partial(compress, quality=quality)] if happens else []


def _colours(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    happens, grey = rng.random(2) < (recipe.colour_p, recipe.grey_p)
    contrast = 1.0 + rng.uniform(-recipe.tone, recipe.tone)
    brightness = rng.uniform(-recipe.brightness, recipe.brightness)
    gamma, saturation = rng.uniform(*recipe.gamma), rng.uniform(*recipe.saturation)
    shift = rng.uniform(-recipe.colour, recipe.colour, 3)
    if grey:
        return [partial(saturate, factor=0.0)]
    if not happens:
        return []
    tone = partial(tone_curve, contrast=contrast, brightness=brightness, gamma=gamma)
    return [tone, partial(saturate, factor=saturation), partial(shift_rgb, shift=shift)]


def _sharpness(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    blurs, sharpens = rng.random(2) < (recipe.blur_p, recipe.sharpen_p)
    sigma, amount = rng.uniform(*recipe.blur), rng.uniform(*recipe.sharpen)
    if blurs:
        return [partial(blur, sigma=sigma)]
    return [partial(unsharp, amount=amount)] if sharpens else []


def _size(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    happens = rng.random() < recipe.rescale_p
    factor = float(np.exp(rng.uniform(*np.log(recipe.rescale))))
    down, up = rng.integers(len(INTERPOLATIONS), size=2)
    if not happens:
        return []
    # An area average has no way up: there it is another name of the nearest neighbour.
    enlarge = cv2.INTER_LINEAR if INTERPOLATIONS[up] == cv2.INTER_AREA else INTERPOLATIONS[up]
    return [partial(resample, factor=factor, down=INTERPOLATIONS[down], up=enlarge)]


def _noise(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    happens, coloured = rng.random(2) < (recipe.noise_p, 0.5)
    sigma, seed = rng.uniform(*recipe.noise), int(rng.integers(2**63))
    return [partial(add_noise, sigma=sigma, coloured=bool(coloured), seed=seed)] if happens else []


def _coding(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    """Draw no pass through a video codec, one, or two."""
    happens, twice = rng.random(2) < (recipe.codec_p, recipe.codec_twice_p)
    passes = [draw_coding(recipe.codecs, recipe.moving_p, rng) for _ in range(2)]
    count = (2 if twice else 1) if happens else 0
    return [partial(video_frame, coding=coding) for coding in passes[:count]]


def _storing(recipe: Quality, rng: np.random.Generator) -> list[Distortion]:
    """Draw JPEG passes, sometimes at another image size: crops are stored at one size."""
    happens = rng.random() < recipe.stored_p
    factor = float(np.exp(rng.uniform(*np.log(recipe.stored))))
    there, back = rng.integers(len(INTERPOLATIONS), size=2)
    passes = int(rng.choice(len(recipe.jpeg_passes), p=recipe.jpeg_passes))
    qualities = rng.integers(recipe.jpeg[0], recipe.jpeg[1] + 1, len(recipe.jpeg_passes))
    steps: list[Distortion] = [partial(compress, quality=int(q)) for q in qualities[:passes]]
    if not happens:
        return steps
    return [
        partial(
            resized,
            factor=factor,
            between=_in_turn(steps),
            there=INTERPOLATIONS[there],
            back=INTERPOLATIONS[back],
        )
    ]
