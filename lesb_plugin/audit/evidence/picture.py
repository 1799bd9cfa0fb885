"""Pictures of an audit: what was changed, the scores of the parts, the map."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SCALE", "colour_bar", "mapped", "outlined", "scored"]

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]

SCALE = (-2.0, 6.0)  # of part scores, in standard deviations of real faces; the same for all faces
_COLOURS = cv2.COLORMAP_CIVIDIS  # made for colour-blind readers
_OPAQUE = 0.6


def outlined(image: Image, mask: Flags | None) -> Image:
    """Return the image with a mask's outline in white on black; unchanged without a mask."""
    out = image.copy()
    if mask is not None:
        found = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        thick = max(1, len(image) // 112)
        cv2.drawContours(out, found[0], -1, (0, 0, 0), 2 * thick + 1)
        cv2.drawContours(out, found[0], -1, (255, 255, 255), thick)
    return out


def scored(image: Image, masks: Flags, z: NDArray[np.float64]) -> Image:
    """Return the parts (K, S, S) filled with the colours of their scores (K,)."""
    out = image.astype(np.float32)
    for mask, colour in zip(masks, _coloured(z), strict=True):
        out[mask] += _OPAQUE * (colour.astype(np.float32) - out[mask])
    return np.rint(out).astype(np.uint8)


def mapped(image: Image, heat: NDArray[np.float32], limit: float) -> Image:
    """Return a map (S, S) over the image, on a scale from 0 to `limit` that all faces share."""
    scaled = np.clip(heat / limit if limit > 0 else heat * 0.0, 0.0, 1.0)
    colours = cv2.applyColorMap((scaled * 255).astype(np.uint8), _COLOURS)[..., ::-1]
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(colours, _OPAQUE, grey, 1 - _OPAQUE, 0.0), np.uint8)


def colour_bar() -> Image:
    """Return the colours of `SCALE` from its lower to its upper end."""
    return np.repeat(_coloured(np.linspace(*SCALE, 256))[None], 12, axis=0)


def _coloured(z: NDArray[np.float64]) -> Image:
    """Return (K, 3) RGB."""
    low, high = SCALE
    levels = np.clip((z - low) / (high - low), 0.0, 1.0) * 255
    colours = cv2.applyColorMap(np.rint(levels).astype(np.uint8)[:, None], _COLOURS)
    return np.asarray(colours[:, 0, ::-1], np.uint8)
