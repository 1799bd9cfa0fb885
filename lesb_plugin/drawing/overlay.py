"""Colours on a face: a signed map over it, or parts filled by their scores, on absolute scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["STYLES", "Polygons", "Style", "colour_bar", "overlay", "region_fill"]

Image: TypeAlias = NDArray[np.uint8]
Style: TypeAlias = Literal["default", "paper", "jet"]
Polygons: TypeAlias = Mapping[str, Sequence[NDArray[np.floating]]]
"""Outlines (n, 2) in pixels by part; a part may have several, as the eyes do."""

STYLES: tuple[Style, ...] = ("default", "paper", "jet")

_OPAQUE = 0.65  # of the strongest evidence, and of a filled part: the face stays visible under it
_LEVELS = 256


def overlay(
    image: Image, heat: NDArray[np.floating], *, limit: float, style: Style = "default"
) -> Image:
    """Draw a signed map (h, w) over an image (S, S, 3); zeros leave the photograph unchanged.

    Colours run from -limit (real) to limit (fake) and their opacity grows with the magnitude, so
    that maps of several heads and faces can be compared where they share a limit. ValueError for a
    map or a limit that is not finite.
    """
    if not np.isfinite(limit) or not np.isfinite(heat).all():
        raise ValueError("a map and its limit can only be drawn if they are finite")
    if limit <= 0:
        return image.copy()
    height, width = image.shape[:2]
    smooth = cv2.resize(np.asarray(heat, np.float32), (width, height))  # bilinear: no overshoot
    share = np.clip(smooth / limit, -1.0, 1.0)
    colours = _signed_colours(style)[_level((share + 1) / 2)]
    return _blended(image, colours, _OPAQUE * np.abs(share))


def region_fill(
    image: Image, polygons: Polygons, values: Mapping[str, float], style: Style = "default"
) -> Image:
    """Fill every part that has a value in [0, 1] (1 is fake) with its colour and an opaque
    outline.
    """
    out = image
    thick = max(1, len(image) // 128)
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"part {name!r} has the score {value}; it must be in [0, 1]")
        corners = [np.rint(each).astype(np.int32) for each in polygons[name]]
        inside = np.zeros(image.shape[:2], np.float32)
        for polygon in corners:
            cv2.fillPoly(inside, [polygon], _OPAQUE)
        cv2.polylines(inside, corners, isClosed=True, color=1.0, thickness=thick)
        colour = _colours(style)[_level(np.array(value))]
        out = _blended(out, np.broadcast_to(colour, image.shape), inside)
    return out.copy() if out is image else out


def colour_bar(
    style: Style = "default", *, signed: bool = False, length: int = 256, thickness: int = 12
) -> Image:
    """Return the scale from left to right, (thickness, length, 3).

    Of part scores from 0 to 1, as their outlines have it; `signed`, of a map from -limit to limit,
    as it looks on white.
    """
    share = np.linspace(0.0, 1.0, length)
    if not signed:
        return np.repeat(_colours(style)[_level(share)][None], thickness, axis=0)
    white = np.full((1, length, 3), 255, np.uint8)
    return np.repeat(overlay(white, 2 * share[None] - 1, limit=1.0, style=style), thickness, axis=0)


def _level(share: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.asarray(np.rint(share * (_LEVELS - 1)), np.int64)


def _blended(image: Image, colours: NDArray[np.uint8], opacity: NDArray[np.float32]) -> Image:
    under = image.astype(np.float32)
    mixed = under + opacity[..., None] * (colours.astype(np.float32) - under)
    return np.rint(mixed).astype(np.uint8)


# --- colours: rows (256, 3) from real to fake --------------------------------------------------

# Blue and yellow, as the ends of cividis: colour-blind readers tell them apart, and both are seen
# on skin, where orange is not.
_REAL, _FAKE = (0, 114, 178), (255, 215, 0)
# ColorBrewer's Spectral of nine: red and light green for real, blue for fake, as in Figure 6.
_SPECTRAL = "d53e4f f46d43 fdae61 fee08b ffffbf e6f598 abdda4 66c2a5 3288bd"


def _colours(style: Style) -> Image:
    """Return the colours of part scores from 0 to 1."""
    if style == "paper":
        anchors = np.array([list(bytes.fromhex(each)) for each in _SPECTRAL.split()], np.float64)
        at = np.linspace(0, len(anchors) - 1, _LEVELS)
        channels = [np.interp(at, np.arange(len(anchors)), each) for each in anchors.T]
        return np.asarray(np.rint(np.stack(channels, axis=1)), np.uint8)
    ramp = np.arange(_LEVELS, dtype=np.uint8)[:, None]
    table = cv2.COLORMAP_JET if style == "jet" else cv2.COLORMAP_CIVIDIS  # cividis: for all eyes
    return np.asarray(cv2.applyColorMap(ramp, table)[:, 0, ::-1], np.uint8)


def _signed_colours(style: Style) -> Image:
    """Return the colours of a map from -limit to limit."""
    if style != "default":
        return _colours(style)
    return np.repeat(np.array([_REAL, _FAKE], np.uint8), _LEVELS // 2, axis=0)
