"""Contracts of face detectors and landmarkers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.checks.samples import require
from registry.contracts.types import Face
from registry.plugins.specs import FaceDetectorSpec, LandmarkerSpec

__all__ = ["check_face_detector", "check_landmarker"]


def check_face_detector(
    spec: FaceDetectorSpec, image: NDArray[np.uint8] | None = None, faces: int | None = None
) -> list[Face]:
    """Check for proper boxes on `image`, `faces` of them if known; none on an empty image."""
    detect = spec.build()
    what = f"face detector {spec.name!r}"
    blank = np.full((120, 160, 3), 127, dtype=np.uint8)
    nothing = detect(blank)
    require(nothing == [], f"{what} must return [] for a picture without a face", nothing)
    if image is None:
        return []
    before = image.copy()
    found = detect(image)
    require(np.array_equal(image, before), f"{what} must not change the image", "a changed image")
    for face in found:
        require(isinstance(face, Face), f"{what} must return Faces", type(face).__name__)
        x0, y0, x1, y1 = face.box
        proper = bool(np.isfinite(face.box).all()) and x0 < x1 and y0 < y1
        require(proper, f"a box of {what} must be (x0, y0, x1, y1) with x0 < x1, y0 < y1", face.box)
    require(
        faces in {None, len(found)}, f"{what} must find the {faces} faces of the image", len(found)
    )
    return found


def check_landmarker(
    spec: LandmarkerSpec, image: NDArray[np.uint8], face: Face, predictor: Path | None = None
) -> NDArray[np.float32]:
    """Check for (points, 2) finite pixels of the image, repeatable."""
    mark = spec.build(predictor)
    what = f"landmarker {spec.name!r}"
    before = image.copy()
    points = mark(image, face)
    require(np.array_equal(image, before), f"{what} must not change the image", "a changed image")
    require(
        points.shape == (spec.points, 2) and points.dtype == np.float32,
        f"{what} must return ({spec.points}, 2) of float32",
        f"{points.shape} of {points.dtype.name}",
    )
    require(bool(np.isfinite(points).all()), f"landmarks of {what} must be finite", "NaN or inf")
    require(
        np.array_equal(points, mark(image, face)), f"{what} must be deterministic", "other points"
    )
    return points
