"""Write pictures that a program holds to files, which every reader accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

from registry.errors import DataError
from registry.leftovers import scratch_folder

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Picture", "as_files"]

Picture: TypeAlias = Union[str, Path, "np.ndarray[Any, Any]", "Image", Iterable["Picture"]]
"""A path, an image as an array or of Pillow, or any number of them."""


@contextmanager
def as_files(inputs: Iterable[Picture]) -> Iterator[Mapping[Path, str]]:
    """Yield paths in order, each with its name in messages: its own, or `image 1` for pixels.

    An array is uint8: RGB (H, W, 3), grey (H, W), or several RGB images (N, H, W, 3). Pixels are
    written without loss into a folder that is gone after the block. A DataError names what cannot
    be an image.
    """
    with scratch_folder("images") as folder:
        files: dict[Path, str] = {}
        for each in _flat(inputs):
            if isinstance(each, (str, Path)):
                files[Path(each)] = str(each)
            else:
                number = sum(path.parent == folder for path in files) + 1
                files[_written(each, folder / f"image_{number}.png")] = f"image {number}"
        yield files


def _flat(inputs: Iterable[Picture]) -> Iterator[str | Path | np.ndarray[Any, Any]]:
    """Yield single paths and arrays, in order."""
    for each in inputs:
        if isinstance(each, (str, Path)):
            yield each
        elif isinstance(each, np.ndarray):
            yield from each if each.ndim == 4 else (each,)
        elif hasattr(each, "convert"):  # of Pillow, which need not be loaded for this
            yield np.asarray(each.convert("RGB"))
        elif isinstance(each, Iterable):
            yield from _flat(each)
        else:
            raise DataError(
                f"a {type(each).__name__} is not an image: pass a path, a uint8 array"
                " (RGB), a Pillow image, or a list of them"
            )


def _written(image: np.ndarray[Any, Any], path: Path) -> Path:
    import cv2

    if image.dtype != np.uint8 or image.ndim not in {2, 3} or image.shape[2:] not in {(), (3,)}:
        raise DataError(
            f"an array of {image.dtype} and shape {image.shape} is not an image: pass"
            " uint8 from 0 to 255, RGB (H, W, 3) or grey (H, W)"
        )
    if not image.size:
        raise DataError(f"an array of shape {image.shape} has no pixels")
    ordered = image if image.ndim == 2 else image[..., ::-1]
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(ordered))[1].tobytes())
    return path
