"""Detect coordinates that cannot belong to a face in an image, and say what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from registry.errors import DataError
from registry.faces.crops import SMALLEST_FACE, fraction_inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.floating]

__all__ = ["check_landmarks"]

_INSIDE = 0.5  # share of the landmarks that must be in the image they are said to belong to
_EYES, _OTHER_EYE, _MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)  # of 68 and of 81 points
_MIRRORED = -0.5  # sine of the angle from the line of the eyes to the mouth; 1 in a frontal face
_WIDE = 0.15  # share of the landmarks' longer side between the eyes of a recognisable face


def check_landmarks(points: Points, shape: tuple[int, ...]) -> None:
    """Raise a DataError that says what landmarks (68|81, 2) look like if no face of an image has
    them.

    They are due in pixels (x, y) of the image, which is of `shape` (H, W, ...).
    """
    reason = _fault(points, shape)
    if reason:
        raise DataError(f"{reason}; they must be (x, y) in pixels of this very image")


def _fault(points: Points, shape: tuple[int, ...]) -> str:
    height, width = shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    if np.abs(points).max() <= 1:
        return (
            f"lie between {low.min():.2g} and {high.max():.2g}: they look like fractions of the"
            f" image's size, {width}x{height}"
        )
    if fraction_inside(points, shape) < _INSIDE:
        return f"lie outside the {width}x{height} image{_likeness(points, shape)}"
    across, down = high - low
    if min(across, down) < SMALLEST_FACE:
        return f"span {across:.0f}x{down:.0f} pixels, less than the {SMALLEST_FACE} of a face"
    if _is_transposed(points):
        return "have the eyes beside the mouth and are mirrored: they look like (y, x)"
    return ""


def _likeness(points: Points, shape: tuple[int, ...]) -> str:
    """Say what landmarks outside an image look like, as far as possible."""
    if fraction_inside(points[:, ::-1], shape) == 1 and _is_transposed(points):
        return ": they look like (y, x)"
    if points.min() >= 0:
        right, bottom = np.ceil(points.max(axis=0)).astype(int)
        return f": they look like those of an image of {right}x{bottom} pixels or more"
    return ""


def _is_transposed(points: Points) -> bool:
    """Say whether x and y are swapped, which mirrors a face and turns it on its side.

    A head that lies on its side is not mirrored, and a mirrored image stands upright.
    """
    one, other, mouth = (points[part].mean(axis=0) for part in (_EYES, _OTHER_EYE, _MOUTH))
    eyes, down = other - one, mouth - (one + other) / 2
    lengths = float(np.linalg.norm(eyes) * np.linalg.norm(down))
    extent = float(np.ptp(points, axis=0).max())
    if np.linalg.norm(eyes) < _WIDE * extent or lengths == 0:
        return False  # a profile, or no face at all
    sine = float(eyes[0] * down[1] - eyes[1] * down[0]) / lengths
    return sine < _MIRRORED and abs(down[0]) > abs(down[1])
