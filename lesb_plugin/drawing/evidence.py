"""Draw evidence for fake as a transparent layer over a photograph, and pictures with their
scale.

One colour stands for fake. Nothing is drawn where a map is no higher than maps of real faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.overlay import Style

__all__ = ["MapScale", "composed", "evidence_layer", "outlined", "scale_bar", "with_scale"]

Image: TypeAlias = NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]

# Magenta: no skin has it, and readers who do not tell red from green see it as a dark blue.
_FAKE = (214, 0, 116)
_PAPER = (50, 136, 189)  # blue is fake in the paper's figures
_OPAQUE = 0.7  # of the strongest evidence: the face stays visible under it
_BAR, _TEXT = 14, 22  # rows of the bar of a saved picture, and of the words under it
_LEAST_WIDE = 220  # pixels in which the words have room


@dataclass(frozen=True, slots=True)
class MapScale:
    """A scale of colours: transparent up to `usual`, full colour from `full` on."""

    usual: float
    full: float

    def share(self, heat: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return 0 where a map is usual or points to real, 1 where its colour is full."""
        span = self.full - self.usual
        if span <= 0:
            return np.zeros(heat.shape)
        return np.clip((np.asarray(heat, np.float64) - self.usual) / span, 0.0, 1.0)


def evidence_layer(
    shape: tuple[int, int],
    box: Box,
    heat: NDArray[np.floating],
    scale: MapScale,
    style: Style = "default",
) -> Image:
    """Return a map (h, w) of what lies in `box` as a layer (H, W, 4), RGBA, of an image of `shape`.

    ValueError for a map that is not finite.
    """
    if not np.isfinite(heat).all():
        raise ValueError("a map can only be drawn if all its values are finite")
    layer = np.zeros((*shape, 4), np.uint8)
    x0, y0, x1, y1 = box
    size = (x1 - x0, y1 - y0)
    share = cv2.resize(scale.share(heat).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    layer[y0:y1, x0:x1, :3] = _colours(share, style)
    layer[y0:y1, x0:x1, 3] = np.rint(255 * _OPAQUE * np.clip(share, 0, 1))
    return layer


def outlined(
    layer: Image, polygons: Sequence[NDArray[np.floating]], style: Style = "default"
) -> Image:
    """Return the layer with the outlines (n, 2) of a part on it, white within the colour of
    fake.
    """
    thick = max(1, round(min(layer.shape[:2]) / 220))
    points = [np.rint(each).astype(np.int32) for each in polygons]
    out = layer.copy()
    for width, colour in ((3 * thick, (*fake_colour(style), 255)), (thick, (255, 255, 255, 255))):
        cv2.polylines(out, points, isClosed=True, color=colour, thickness=width)
    return out


def composed(image: Image, layer: Image) -> Image:
    """Return the photograph (H, W, 3) under the layer (H, W, 4)."""
    opacity = layer[..., 3:].astype(np.float32) / 255
    mixed = image + opacity * (layer[..., :3].astype(np.float32) - image)
    return np.asarray(np.rint(mixed), np.uint8)


def scale_bar(style: Style = "default", *, length: int = 256, thickness: int = 12) -> Image:
    """Return the colours from usual to fake, as they look on white, (thickness, length, 3)."""
    ramp = np.linspace(0.0, 1.0, length)[None]
    layer = evidence_layer((1, length), (0, 0, length, 1), ramp, MapScale(0.0, 1.0), style)
    white = np.full((1, length, 3), 255, np.uint8)
    return np.repeat(composed(white, layer), thickness, axis=0)


def with_scale(image: Image, words: tuple[str, str], style: Style = "default") -> Image:
    """Return the picture with its scale below: the colours, and what their ends stand for."""
    if image.shape[1] < _LEAST_WIDE:
        factor = _LEAST_WIDE / image.shape[1]
        image = np.asarray(cv2.resize(image, None, fx=factor, fy=factor), np.uint8)
    width = image.shape[1]
    strip = np.full((_BAR + _TEXT, width, 3), 255, np.uint8)
    strip[3:_BAR] = scale_bar(style, length=width, thickness=_BAR - 3)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.4
    right = cv2.getTextSize(words[1], font, size, 1)[0][0]
    for text, x in ((words[0], 3), (words[1], width - right - 3)):
        cv2.putText(strip, text, (x, _BAR + 15), font, size, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([image, strip])


def fake_colour(style: Style) -> tuple[int, int, int]:
    """Return RGB of the strongest evidence."""
    return {"paper": _PAPER, "jet": (128, 0, 0)}.get(style, _FAKE)


def _colours(share: NDArray[np.float32], style: Style) -> Image:
    if style != "jet":
        return np.broadcast_to(np.array(fake_colour(style), np.uint8), (*share.shape, 3))
    level = np.rint(127.5 + 127.5 * np.clip(share, 0, 1)).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(level, cv2.COLORMAP_JET)[..., ::-1], np.uint8)
