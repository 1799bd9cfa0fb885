"""A pair of real and fake as the network sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CropPair"]


@dataclass(frozen=True, slots=True, eq=False)
class CropPair:
    """A pair, real before fake, uint8 (2, S, S, 3); the fake's mask (S, S) and its family.

    `masks` (2, S, S) belong to `images`; a control that swaps images swaps these too.
    `landmarks` (P, 2) lie in pixels of both images.
    """

    images: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    family: str
    masks: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
