"""The eight ways in which a picture can be stored: turned by quarters, mirrored or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_display_matrix"]

_ENTRIES = 9  # int32 of a 3x3 matrix by rows


def apply_display_matrix(image: NDArray[np.uint8], matrix: bytes) -> NDArray[np.uint8]:
    """The image (H, W, 3) as players show it.

    `matrix` is FFmpeg's display matrix, nine int32 in the machine's byte order. For a turn by
    another angle the nearest quarter is taken; one that is no turn (all zero) changes nothing.
    """
    entries = np.frombuffer(matrix, dtype=np.int32)
    if len(entries) != _ENTRIES:
        return image
    # A stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift.
    a, b, c, d = (int(entries[at]) for at in (0, 1, 3, 4))
    if abs(a * d) >= abs(b * c):
        across, down, swapped = a, d, False
    else:
        across, down, swapped = c, b, True
    if across == 0 or down == 0:
        return image
    shown = image.transpose(1, 0, 2) if swapped else image
    return shown[:: _step(down), :: _step(across)]


def _step(factor: int) -> int:
    return 1 if factor > 0 else -1
