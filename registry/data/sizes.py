"""Limit the size of pictures: a file of some kilobytes can expand to gigabytes of pixels."""

from __future__ import annotations

import io
from pathlib import Path

from registry.errors import DataError

__all__ = ["MOST_PIXELS", "check_image_size", "check_size"]

MOST_PIXELS = 100_000_000  # more than any camera gives that faces are looked for in


def check_image_size(data: bytes, path: Path, most: int) -> None:
    """Raise a DataError if the header of an image declares more than `most` pixels.

    Nothing is decoded; formats that Pillow does not know are checked when they are decoded.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # it would warn of what is judged here
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except Exception:  # noqa: BLE001 - foreign bytes: what is wrong with them, decoding tells
        return
    check_size(width, height, path, most)


def check_size(width: int, height: int, path: Path, most: int) -> None:
    """Raise a DataError if `width` x `height` is more than `most` pixels."""
    if width * height > most:
        raise DataError(
            f"{path} has {width}x{height} pixels, more than the limit of {most:,}; if that"
            f" is correct, pass --max-pixels {width * height}"
        )
