"""The eight orientations in which a picture can be stored: rotated by quarter turns, mirrored,
or both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_display_matrix", "apply_exif"]

_ENTRIES = 9  # int32 of a 3x3 matrix by rows


def apply_display_matrix(image: NDArray[np.uint8], matrix: bytes) -> NDArray[np.uint8]:
    """Turn the image (H, W, 3) as players show it.

    `matrix` is FFmpeg's display matrix, nine int32 in the machine's byte order. Other angles are
    rounded to the nearest quarter turn; a matrix that is not a rotation (all zero) changes
    nothing.
    """
    entries = np.frombuffer(matrix, dtype=np.int32)
    if len(entries) != _ENTRIES:
        return image
    # A stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift.
    a, b, c, d = (int(entries[at]) for at in (0, 1, 3, 4))
    swapped = abs(a * d) < abs(b * c)
    across, down = (c, b) if swapped else (a, d)
    if across == 0 or down == 0:
        return image
    return _turned(image, swapped=swapped, right=across > 0, down=down > 0)


def apply_exif(image: NDArray[np.uint8], orientation: object) -> NDArray[np.uint8]:
    """Apply EXIF's `orientation`, 1 to 8, to the image (H, W, 3); anything else changes nothing."""
    if orientation not in _EXIF:
        return image
    swapped, right, down = _EXIF[orientation]
    return np.ascontiguousarray(_turned(image, swapped=swapped, right=right, down=down))


def _turned(
    image: NDArray[np.uint8], *, swapped: bool, right: bool, down: bool
) -> NDArray[np.uint8]:
    """Swap rows and columns if `swapped`, then mirror unless they run to the `right` and `down`."""
    upright = image.transpose(1, 0, 2) if swapped else image
    return upright[:: 1 if down else -1, :: 1 if right else -1]


# Orientation: whether rows and columns are swapped, and which way the result is then read.
_EXIF: dict[object, tuple[bool, bool, bool]] = {
    1: (False, True, True),
    2: (False, False, True),
    3: (False, False, False),
    4: (False, True, False),
    5: (True, True, True),
    6: (True, False, True),
    7: (True, False, False),
    8: (True, True, False),
}
