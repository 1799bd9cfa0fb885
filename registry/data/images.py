"""Image files to uint8 RGB, or the reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.data.sizes import MOST_PIXELS, check_image_size
from registry.errors import DataError
from registry.files import refuse_special

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_image", "shrink"]

_LONGEST_SIDE = 2048  # larger frames are searched for faces at this size (SBI's inference)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", 0xDA, b"\xff\xd9"


def read_image(path: Path, most: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """The image as uint8 RGB (H, W, 3), upright as its EXIF orientation says.

    Greyscale becomes three equal channels, alpha is dropped, 16 bits keep their upper eight and
    CMYK is converted without a colour profile. A DataError says what is wrong with the file, also
    with one of more than `most` pixels.
    """
    import cv2

    data = _read_bytes(path)
    check_image_size(data, path, most)
    if _is_cut_jpeg(data):  # a decoder would make up the missing rows in grey
        raise DataError(f"cannot decode {path}: the JPEG is truncated")
    try:
        # IMREAD_COLOR converts CMYK, depth, greyscale and orientation; IMREAD_UNCHANGED would not.
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DataError(f"cannot decode {path}: {error.err}") from None
    if image is None:
        raise DataError(f"cannot decode {path}: {_diagnosis(data)}")
    rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def shrink(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The image with its longest side at most 2048, and old over new pixels."""
    import cv2

    scale = max(image.shape[:2]) / _LONGEST_SIDE
    if scale <= 1:
        return np.ascontiguousarray(image), 1.0
    size = (max(1, round(image.shape[1] / scale)), max(1, round(image.shape[0] / scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def _read_bytes(path: Path) -> bytes:
    refuse_special(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no image file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from None
    if not data:
        raise DataError(f"{path} is an empty file")
    return data


def _diagnosis(data: bytes) -> str:
    if data.startswith(_SIGNATURES):
        return "the image is truncated or damaged"
    return "not an image, or of a format that OpenCV does not read"


def _is_cut_jpeg(data: bytes) -> bool:
    """Whether no end marker follows the first scan; a thumbnail in the header has its own."""
    if not data.startswith(_JPEG):
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _JPEG_SCAN:
            return data.find(_JPEG_END, at) < 0
        padding = marker == 0xFF
        at += 1 if padding else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at + 4 > len(data)
