"""dlib's frontal face detector and its shape predictors of 68 and 81 landmarks."""

from __future__ import annotations

import functools
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.contracts.types import Face
from registry.data.images import shrink
from registry.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Locate = Callable[[NDArray[np.uint8], Face], NDArray[np.float32]]
    Detect = Callable[[NDArray[np.uint8]], list[Face]]

__all__ = ["build_dlib", "build_dlib68", "build_dlib81", "build_dlib_x2"]

_MODELS = "face_recognition_models"
_FILES = {68: "shape_predictor_68_face_landmarks.dat", 81: "shape_predictor_81_face_landmarks.dat"}


def build_dlib() -> Detect:
    """Build a detector of upright frontal faces, which searches twice the size if it finds none.

    A face's score is dlib's margin, above 0 for a face and unbounded. Not for use by two threads
    at once: dlib's detector has state of its own.
    """
    import dlib

    detector = dlib.get_frontal_face_detector()

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        small, scale = shrink(image)
        boxes, scores, _ = detector.run(small, 0, 0.0)
        if not boxes:
            boxes, scores, _ = detector.run(small, 1, 0.0)
        return [_face(box, score, scale) for box, score in zip(boxes, scores, strict=True)]

    return detect


def build_dlib_x2() -> Detect:
    """Build a detector that always searches at twice the size, as DeepfakeBench's preprocessing
    does.

    Large images are not reduced first. Scores and threads are as for `build_dlib`.
    """
    import dlib

    detector = dlib.get_frontal_face_detector()

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        boxes, scores, _ = detector.run(np.ascontiguousarray(image), 1, 0.0)
        return [_face(box, score, 1.0) for box, score in zip(boxes, scores, strict=True)]

    return detect


def build_dlib68(predictor: Path | None = None) -> Locate:
    """Build a landmarker of 68 points; by default the file of face-recognition-models."""
    return _landmarker(predictor or _packaged(_FILES[68]), 68)


def build_dlib81(predictor: Path | None = None) -> Locate:
    """Build a landmarker of 81 points, dlib's 68 and 13 on the forehead; no package has the
    file.
    """
    if predictor is None:
        raise ConfigError(
            f"landmarker 'dlib81' needs a predictor file ({_FILES[81]}); pass --landmarks"
            " PATH, or use --landmarker dlib68, which comes with one"
        )
    return _landmarker(predictor, 81)


def _landmarker(path: Path, points: int) -> Locate:
    import dlib

    predictor = _load(path.resolve(), points)

    def locate(image: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        x0, y0, x1, y1 = (round(edge) for edge in face.box)
        part, left, top = _surroundings(image, (x0, y0, x1, y1))
        place = dlib.rectangle(x0 - left, y0 - top, x1 - left - 1, y1 - top - 1)
        shape = predictor(np.ascontiguousarray(part), place)
        points = [(point.x + left, point.y + top) for point in shape.parts()]
        return np.array(points, dtype=np.float32)

    return locate


def _surroundings(
    image: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> tuple[NDArray[np.uint8], int, int]:
    """Return what dlib may look at around a box, and its place: it copies the image it is given.

    A side of the box around it; the whole image for a box that lies outside.
    """
    x0, y0, x1, y1 = box
    across, down = x1 - x0, y1 - y0
    left, top = max(0, x0 - across), max(0, y0 - down)
    part = image[top : max(0, y1 + down), left : max(0, x1 + across)]
    return (part, left, top) if part.size else (image, 0, 0)


_loading = threading.Lock()


def _load(path: Path, points: int) -> Any:
    """Return the predictor, loaded once per process: it has no state, and 68 points are 100 MB."""
    with _loading:
        predictor, found = _load_once(path)
    if found != points:
        other = f"; use --landmarker dlib{found}" if found in _FILES else ""
        raise ConfigError(
            f"predictor {path} has {found} points, and landmarker 'dlib{points}' needs"
            f" {points} ({_FILES[points]}){other}"
        )
    return predictor


@functools.lru_cache(maxsize=2)
def _load_once(path: Path) -> tuple[Any, int]:
    """Return a predictor and its number of points, which only a trial shows."""
    import dlib

    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise ConfigError(f"{path} is not a dlib shape predictor: {error}") from None
    blank = np.zeros((16, 16, 3), dtype=np.uint8)
    return predictor, predictor(blank, dlib.rectangle(0, 0, 15, 15)).num_parts


def _packaged(name: str) -> Path:
    """Find a file of face-recognition-models without importing it, which needs pkg_resources."""
    spec = importlib.util.find_spec(_MODELS)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ConfigError(
        f"no {name}: install the package face-recognition-models, or pass --landmarks PATH"
    )


def _face(rectangle: Any, score: float, scale: float) -> Face:
    """Convert a rectangle of dlib's, which includes its last row and column."""
    x0, y0 = rectangle.left() * scale, rectangle.top() * scale
    x1, y1 = (rectangle.right() + 1) * scale, (rectangle.bottom() + 1) * scale
    return Face(box=(x0, y0, x1, y1), score=score)
