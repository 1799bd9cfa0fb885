"""Masks of manipulated pixels, cropped as their faces are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.contracts.types import CropPolicy, Face
from registry.data.images import read_image
from registry.errors import DataError
from registry.faces.crops import crop_face

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crop_mask"]


def crop_mask(
    path: Path, image: NDArray[np.uint8], face: Face, policy: CropPolicy
) -> NDArray[np.bool_]:
    """Return (S, S) which pixels of the crop of `face` were changed: the non-zero ones of the file.

    A DataError for a mask that cannot be read or is not of the size of `image` (H, W, 3).
    """
    stored = read_image(path)
    if stored.shape != image.shape:
        height, width = stored.shape[:2]
        raise DataError(
            f"mask {path} is {width}x{height}, its image {image.shape[1]}x{image.shape[0]} pixels"
        )
    changed = np.where(stored.any(axis=2, keepdims=True), 255, 0)  # (H, W, 1)
    layers = np.repeat(changed.astype(np.uint8), 3, axis=2)
    return np.asarray(crop_face(layers, face, policy).image[..., 0] > 127)
