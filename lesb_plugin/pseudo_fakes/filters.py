"""Filters of uint8 RGB images besides those of self-blending; parameters in, image out."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from lesb_plugin.pseudo_fakes.distort import Image

__all__ = [
    "INTERPOLATIONS",
    "add_noise",
    "blur",
    "mix_bands",
    "resample",
    "resized",
    "saturate",
    "tone_curve",
    "unsharp",
]

INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


def resample(image: Image, factor: float, down: int, up: int) -> Image:
    """Scale down by `factor` with interpolation `down`, and back to the original size with `up`."""
    height, width = image.shape[:2]
    size = (max(2, round(width / factor)), max(2, round(height / factor)))
    small = cv2.resize(image, size, interpolation=down)
    return np.asarray(cv2.resize(small, (width, height), interpolation=up), np.uint8)


def resized(
    image: Image, factor: float, between: Callable[[Image], Image], there: int, back: int
) -> Image:
    """Apply `between` to the image at `factor` times its size, and return to its size."""
    height, width = image.shape[:2]
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    changed = between(np.asarray(cv2.resize(image, size, interpolation=there), np.uint8))
    return np.asarray(cv2.resize(changed, (width, height), interpolation=back), np.uint8)


def blur(image: Image, sigma: float) -> Image:
    """Smooth by a Gaussian of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def unsharp(image: Image, amount: float) -> Image:
    """Sharpen by `amount` times what a blur of one pixel removes."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    return np.asarray(cv2.addWeighted(image, 1.0 + amount, smooth, -amount, 0.0), np.uint8)


def add_noise(image: Image, sigma: float, coloured: bool, seed: int) -> Image:
    """Add Gaussian noise of `sigma` levels, per channel or equal in all; equal seeds, equal
    noise.
    """
    rng = np.random.default_rng(seed)
    height, width = image.shape[:2]
    shape = (height, width, 3 if coloured else 1)
    noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def saturate(image: Image, factor: float) -> Image:
    """Draw colours towards (0: grey) or push them away from (above 1) their own grey."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, factor, grey, 1.0 - factor, 0.0), np.uint8)


def tone_curve(image: Image, contrast: float, brightness: float, gamma: float) -> Image:
    """Apply gamma, then contrast about mid-grey and brightness (of full scale)."""
    levels = (np.arange(256) / 255.0) ** gamma
    table = ((levels - 0.5) * contrast + 0.5 + brightness) * 255.0
    return np.asarray(cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)), np.uint8)


def mix_bands(low: Image, high: Image, sigma: float) -> Image:
    """Mix the low frequencies of one image and the high ones of another, split by `sigma`
    pixels.
    """
    coarse, fine = (cv2.GaussianBlur(each, (0, 0), sigma).astype(np.int16) for each in (low, high))
    return np.asarray(np.clip(coarse - fine + high, 0, 255), np.uint8)
