"""Replace regions of a face by a baseline, and measure how the score changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explainers.log_odds import log_odds
from registry import Crop, Detector

__all__ = ["Baseline", "Image", "Masks", "blurred", "mixed", "scores"]

Image: TypeAlias = NDArray[np.uint8]
Masks: TypeAlias = NDArray[np.float32]
Baseline: TypeAlias = Callable[[Crop], Image]
"""What a region is replaced by: the crop blurred, or the untouched image of a known forgery."""

_SIGMA = 0.04  # of the crop's side: details of a part are gone, its light and colour stay


def blurred(crop: Crop) -> Image:
    """Blur the crop. Grey or black instead would be evidence of its own."""
    image: Image = cv2.GaussianBlur(
        crop.image, (0, 0), _SIGMA * crop.image.shape[0], borderType=cv2.BORDER_REFLECT
    )
    return image


def mixed(image: Image, baseline: Image, masks: Masks) -> Image:
    """Return (n, S, S, 3): the image with the baseline in its place where masks (n, S, S) are 1."""
    opacity = masks[..., None]  # (n, S, S, 1)
    return np.rint(image + opacity * (baseline.astype(np.float32) - image)).astype(np.uint8)


def scores(detector: Detector, crop: Crop, images: Image) -> dict[str, NDArray[np.float64]]:
    """Return log-odds (n,) of images (n, S, S, 3) in place of the crop's: "face", and each
    part's.

    "face" is the score of the whole detector. Crops are scored one by one, so that what is said of
    one never depends on its batch.
    """
    found = detector.score([replace(crop, image=image) for image in images])
    return {"face": log_odds(found.fake)} | {
        part: log_odds(values) for part, values in found.regions.items()
    }
