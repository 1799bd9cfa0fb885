"""The aligned crop of DeepfakeBench: five landmarks on the template of ArcFace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from registry.contracts.types import Crop, CropPolicy, Face
from registry.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]

__all__ = ["ALIGNED", "FIVE", "aligned_crop", "goal", "similarity"]

ALIGNED = "deepfakebench"
# Eyes, tip of the nose and corners of the mouth in ArcFace's square of 112 pixels (Deng et al.,
# CVPR 2019), and which of dlib's landmarks DeepfakeBench puts there.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip
SIDE = 112.0
FIVE = [37, 44, 30, 49, 55]


def aligned_crop(image: NDArray[np.uint8], face: Face, policy: CropPolicy) -> Crop:
    """Move the face of `image` (H, W, 3) onto the template, black beyond the image's border.

    By five of its landmarks, else by the five points of its face detector. A DataError for a face
    without either, or with landmarks that span no face. `box` is the
    rectangle around the crop's corners, within the image.
    """
    import cv2

    matrix = similarity(_five(face), goal(policy))  # (2, 3)
    size = policy.size
    cut = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    box = _box(matrix, size, image.shape)
    landmarks = None if face.landmarks is None else _moved(face.landmarks, matrix)
    return Crop(image=np.asarray(cut, np.uint8), landmarks=landmarks, box=box)


def _five(face: Face) -> Points:
    """Return five points (5, 2): those of the landmarks, else those that the face detector gave."""
    if face.landmarks is not None:
        return face.landmarks[FIVE].astype(np.float64)
    if face.five is not None:
        return face.five.astype(np.float64)
    raise DataError("the aligned crop needs landmarks; pass --landmarks, or data that has them")


def _moved(landmarks: NDArray[np.float32], matrix: Points) -> NDArray[np.float32]:
    return np.asarray(landmarks @ matrix[:, :2].T + matrix[:, 2], np.float32)


def similarity(source: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]]) -> Points:
    """Fit the least-squares scale, rotation and shift (2, 3) that take `source` to `target`.

    Points are (n, 2). As numbers of the complex plane this is one division.
    """
    z, w = source @ np.array([1, 1j]), target @ np.array([1, 1j])
    spread = z - z.mean()
    norm = float(np.vdot(spread, spread).real)
    if not np.isfinite(norm) or norm < 1e-6:
        raise DataError("the landmarks of eyes, nose and mouth coincide, so there is no face")
    turn = np.vdot(spread, w - w.mean()) / norm
    move = w.mean() - turn * z.mean()
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def goal(policy: CropPolicy) -> Points:
    """Return the template's points in pixels of the crop."""
    points: Points = (
        (TEMPLATE + SIDE * policy.margin / 2) * policy.size / (SIDE * (1 + policy.margin))
    )
    return points


def _box(matrix: Points, size: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    there = corners @ back[:2, :2].T + back[:2, 2]
    (x0, y0), (x1, y1) = np.floor(there.min(axis=0)), np.ceil(there.max(axis=0))
    height, width = shape[:2]
    box = (max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1)))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(f"the face lies outside the {width}x{height} image")
    return box
