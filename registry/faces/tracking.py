"""Find faces frame by frame, searching where they were last.

Faces that only a search of the whole frame would add are looked for in a small copy of it: a new
face of relevant size brings back the search of the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from registry.contracts.types import Face
from registry.data.images import shrink
from registry.faces.crops import Box, area, iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

__all__ = ["FaceTracker"]

EVERY = 25  # at the latest after so many frames a whole one is searched
SMALLEST_SHARE = 0.4  # of the largest face's area; those of half of it count, and sizes waver
MARGIN = 0.25  # of a face's sides, around it; with less of it, boxes differ from the whole frame's
_GRID = 32  # pixels: windows start on the coarsest grid of a detector, as the whole frame does
_SAME = 0.2  # IoU from which two boxes may be of one face
_SURE = 0.4  # IoU of a face with the place where it was searched for
_EDGE = 0.06  # of a face's sides: nearer to the edge of its window, it may have been cut off
_NO_GAIN = 0.75  # scale of the small copy from which the whole frame is as cheap


class FaceTracker:
    """Searches the frames of one video, in order; `restart` before the next video.

    In the small copy the largest face is `small` pixels wide or high: `detect` has to find it, and
    one of half its area. Windows around faces have the frame's own scale, which boxes depend on.
    Only faces of at least 0.4 of the largest one's area are followed; smaller ones are reported by
    searches of whole frames alone. Not for use by two threads.
    """

    def __init__(self, detect: Callable[[Image], list[Face]], small: int) -> None:
        self._detect, self._small = detect, small
        self.searched = 0  # whole frames so far
        self.restart()

    def restart(self) -> None:
        """Forget all faces: another video begins."""
        self._faces: list[Face] = []
        self._strangers: list[Box] = []
        self._since = 0

    def __call__(self, frame: Image) -> list[Face]:
        """Return the faces of the next frame, uint8 RGB (H, W, 3), with boxes in its pixels."""
        image, scale = shrink(frame)  # as detectors do, so that windows have the scale they search
        faces = self._followed(image) if self._faces and self._since < EVERY else None
        self._since += 1
        if faces is None:
            faces = self._searched(image)
        return [_times(face, scale) for face in faces]

    def _searched(self, image: Image) -> list[Face]:
        """Return the faces of a whole frame, and what its small copy takes for further ones."""
        self.searched += 1
        self._since = 0
        faces = self._detect(image)
        self._faces = _large(faces)
        glimpses = self._glimpses(image) if self._faces else None
        self._strangers = self._unknown(glimpses or [])
        return faces

    def _followed(self, image: Image) -> list[Face] | None:
        """Find the last frame's faces in this one; None if the whole frame must be searched."""
        glimpses = self._glimpses(image)
        if glimpses is None or any(
            _best(box, self._strangers) is None for box in self._unknown(glimpses)
        ):
            return None
        found: list[Face] = []
        for last in self._faces:
            face = self._around(image, _best(last.box, glimpses) or last.box)
            if face is None or _best(face.box, [other.box for other in found]) is not None:
                return None
            found.append(face)
        self._faces = found
        return found

    def _glimpses(self, image: Image) -> list[Box] | None:
        """Return boxes found in the small copy, in the frame's pixels; None if it would not be
        small.
        """
        import cv2

        scale = self._small / max(_sides(self._faces[0].box))
        if scale > _NO_GAIN:
            return None
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        copy = cv2.resize(_halved(image, scale), (width, height), interpolation=cv2.INTER_AREA)
        there = [face.box for face in self._detect(np.asarray(copy, np.uint8))]
        across, down = image.shape[1] / width, image.shape[0] / height
        return [(x0 * across, y0 * down, x1 * across, y1 * down) for x0, y0, x1, y1 in there]

    def _unknown(self, glimpses: Sequence[Box]) -> list[Box]:
        """Return boxes of relevant size that match none of the followed faces."""
        known = [face.box for face in self._faces]
        least = SMALLEST_SHARE * area(known[0]) if known else 0.0
        return [box for box in glimpses if area(box) >= least and _best(box, known) is None]

    def _around(self, image: Image, box: Box) -> Face | None:
        """Return the face at a place, found in a window around it; None if it is not whole."""
        x0, y0, x1, y1 = window = _window(box, image.shape)
        found = self._detect(np.ascontiguousarray(image[y0:y1, x0:x1]))
        faces = [_moved(face, x0, y0) for face in found]
        face = max(faces, key=lambda each: iou(each.box, box), default=None)
        if face is None or iou(face.box, box) < _SURE or _is_cut(face.box, window, image.shape):
            return None
        return face


def _halved(image: Image, scale: float) -> Image:
    """Halve an image while it is twice as large as needed: OpenCV does this much faster."""
    import cv2

    while scale <= 1 / 2:
        height, width = image.shape[:2]
        half = image[: height // 2 * 2, : width // 2 * 2]
        image = np.asarray(cv2.resize(half, None, fx=1 / 2, fy=1 / 2, interpolation=cv2.INTER_AREA))
        scale *= 2
    return image


def _large(faces: Sequence[Face]) -> list[Face]:
    """Return the faces to follow, the largest first."""
    by_size = sorted(faces, key=lambda face: -area(face.box))
    return [
        face
        for face in by_size
        if area(face.box) > 0 and area(face.box) >= SMALLEST_SHARE * area(by_size[0].box)
    ]


def _best(box: Box, among: Sequence[Box]) -> Box | None:
    """Return the box that most likely shows the same face, or None."""
    best = max(among, key=lambda other: iou(box, other), default=None)
    return best if best is not None and iou(box, best) >= _SAME else None


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _window(box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return a window around a face, aligned to the grid and inside the image."""
    across, down = (MARGIN * side for side in _sides(box))
    left, top = (max(0, int(edge // _GRID) * _GRID) for edge in (box[0] - across, box[1] - down))
    right, bottom = (-int(-edge // _GRID) * _GRID for edge in (box[2] + across, box[3] + down))
    return left, top, max(left + 1, min(right, shape[1])), max(top + 1, min(bottom, shape[0]))


def _is_cut(box: Box, window: tuple[int, int, int, int], shape: tuple[int, ...]) -> bool:
    """Say whether a face may continue beyond its window."""
    across, down = (_EDGE * side for side in _sides(box))
    x0, y0, x1, y1 = window
    return (
        (x0 > 0 and box[0] < x0 + across)
        or (y0 > 0 and box[1] < y0 + down)
        or (x1 < shape[1] and box[2] > x1 - across)
        or (y1 < shape[0] and box[3] > y1 - down)
    )


def _moved(face: Face, x: float, y: float) -> Face:
    x0, y0, x1, y1 = face.box
    five = None if face.five is None else face.five + np.array([x, y], np.float32)
    return replace(face, box=(x0 + x, y0 + y, x1 + x, y1 + y), five=five)


def _times(face: Face, scale: float) -> Face:
    if scale == 1:
        return face
    x0, y0, x1, y1 = (edge * scale for edge in face.box)
    five = None if face.five is None else face.five * np.float32(scale)
    return replace(face, box=(x0, y0, x1, y1), five=five)
