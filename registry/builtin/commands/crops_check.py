"""Check whether stored frames are face crops, and whether they are cut as DeepfakeBench's are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from registry.contracts.types import CropPolicy, Frame, Video
from registry.data.images import read_image
from registry.errors import BenchError, DataError
from registry.faces.aligned_crop import ALIGNED, FIVE, goal, similarity
from registry.faces.reader import read_landmarks
from registry.files import read_json

__all__ = ["crops_note"]

_POLICY = CropPolicy(name=ALIGNED, size=256, margin=0.3)
_LOOKED_AT = 64  # first frames of videos
# Pixels by which a corner may move: landmarks found again in a crop differ by less.
_LIMIT = 12.0


def crops_note(videos: Sequence[Video]) -> str:
    """Return a sentence on the first frames of videos; "" if they are not square, so no crops."""
    frames = [video.frames[0] for video in videos if video.frames][:_LOOKED_AT]
    sides = {shape[0] if shape[0] == shape[1] else 0 for shape in _shapes(frames)}
    if not sides or 0 in sides:
        return ""
    origin = _prepared_by(frames[0].path)
    if sides != {_POLICY.size}:
        listed = ", ".join(map(str, sorted(sides)))
        return f"squares of {listed} px; crops of DeepfakeBench have {_POLICY.size} px{origin}"
    shifts = list(_displacements(frames))
    if not shifts:
        return (
            "squares of 256 px, like DeepfakeBench's; there are no landmarks that show"
            f" how they were cut{origin}"
        )
    middle = float(np.median(shifts))
    answer = "cut as DeepfakeBench's" if middle <= _LIMIT else "not cut as DeepfakeBench's"
    return (
        f"squares of 256 px, {answer}: corners are {middle:.1f} px from where its template"
        f" puts eyes, nose and mouth (median of {len(shifts)}){origin}"
    )


def _shapes(frames: Sequence[Frame]) -> Iterator[tuple[int, ...]]:
    for frame in frames:
        with suppress(DataError):  # reported elsewhere
            yield read_image(frame.path).shape


def _displacements(frames: Sequence[Frame]) -> Iterator[float]:
    """Yield how far aligning a frame by its own landmarks would move the farthest corner."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * float(_POLICY.size)
    for frame in frames:
        if frame.landmarks is None:
            continue
        with suppress(DataError):
            points = read_landmarks(frame.landmarks)[FIVE].astype(np.float64)
            matrix = similarity(points, goal(_POLICY))  # (2, 3)
            moved = corners @ matrix[:, :2].T + matrix[:, 2]
            yield float(np.linalg.norm(moved - corners, axis=1).max())


def _prepared_by(frame: Path) -> str:
    """Return the settings that `bench prepare` recorded for a frame's data set, if it made it."""
    file = frame.parents[3] / "prepare.json" if len(frame.parents) > 3 else Path()
    with suppress(OSError, BenchError, KeyError, TypeError):
        settings: dict[str, Any] = read_json(file)
        detector, landmarker = settings["face_detector"], settings["landmarker"]
        exact = settings["name"] == ALIGNED and detector == "dlib_x2" and landmarker == "dlib81"
        same = "with" if exact else "not with"
        return (
            f"; `bench prepare` made them with policy {settings['name']}, face detector"
            f" {detector} and landmarker {landmarker}, {same} those of DeepfakeBench's"
            " preprocessing"
        )
    return ""
