"""Measure how sharp a face is, so that scores are compared with those of similar faces.

A detector says other things of a soft face than of a sharp one, whether forged or not. What a score
means therefore depends on the quality of the image, and quality is measured on the very crop that
is scored.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["fine_detail", "sharpness"]

_SIZE = (160, 200)  # pixels, wide and high: a face's usual aspect, smaller than most crops
_FINE = 0.25  # cycles per pixel of that size; the finest there are have 0.5


def sharpness(image: NDArray[np.uint8]) -> float:
    """Measure the variance of the Laplacian of a face crop (H, W, 3) at 160 x 200 pixels.

    0 for a flat image; 10 to 100 for faces of compressed videos, 100 to 500 for photographs.
    """
    return float(cv2.Laplacian(_grey(image), cv2.CV_64F).var())


def fine_detail(image: NDArray[np.uint8]) -> float:
    """Measure the energy of the finer half of the frequencies at 160 x 200 pixels, in decibels.

    Relative to the energy of all of them but the mean; -120 for a flat image.
    """
    grey = _grey(image).astype(np.float64)
    window = np.outer(np.hanning(_SIZE[1]), np.hanning(_SIZE[0]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    rows, columns = (np.abs(np.fft.fftfreq(side)) for side in _SIZE[::-1])
    fine = power[np.hypot(rows[:, None], columns) > _FINE].sum()
    return float(10.0 * np.log10(max(fine / max(power.sum(), 1e-12), 1e-12)))


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA), np.uint8)
