"""Read files of landmarks, and check them against their images."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.errors import DataError, reading
from registry.faces.plausible import check_landmarks
from registry.files import check_regular, file_size, read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_landmarks", "read_landmarks_of"]

_MOST_BYTES = 1 << 20


def read_landmarks(path: Path) -> NDArray[np.float32]:
    """Read landmarks (68|81, 2) from a .npy file; a DataError says what is wrong with it."""
    check_regular(path, "landmarks")
    try:
        size = file_size(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read landmarks {path}: {error}") from None
    if size > _MOST_BYTES:
        raise DataError(f"landmarks {path} are a file of {size} bytes; 81 points have {81 * 16}")
    with reading(f"landmarks {path}"):
        points = _points(read_file(path), path.suffix)
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu":
        raise DataError(f"landmarks {path} are not an array of numbers")
    if points.shape not in {(68, 2), (81, 2)}:
        raise DataError(f"landmarks {path} have shape {points.shape}; expected (68, 2) or (81, 2)")
    if not np.isfinite(points).all():
        raise DataError(f"landmarks {path} hold NaN or infinity")
    return points.astype(np.float32)


def _points(data: bytes, suffix: str) -> object:
    """Return the array of a .npy file, or of the list `landmarks` in a sample's JSON."""
    if suffix == ".json":
        return np.asarray(json.loads(data)["landmarks"], np.float64)
    return np.load(io.BytesIO(data), allow_pickle=False)


def read_landmarks_of(path: Path, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Read landmarks (68|81, 2) from a file; a DataError if no face of `image` (H, W, 3) has
    them.
    """
    points = read_landmarks(path)
    try:
        check_landmarks(points, image.shape)
    except DataError as error:
        raise DataError(f"landmarks {path} {error}") from None
    return points
