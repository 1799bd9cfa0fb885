"""Landmarks that no face of the image can have, and faces that are only turned or odd."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.contracts.types import CropPolicy, Face, Frame
from registry.errors import DataError
from registry.faces.crops import crop_face
from registry.faces.plausible import check_landmarks
from registry.plugins.discovery import load_plugins
from tests.shared.planted import MEAN_FACE
from tests.shared.readers import reader_of

SHAPE = (240, 320, 3)
Points = NDArray[np.float64]


def face(points: int = 68, scale: float = 100, at: tuple[float, float] = (60, 50)) -> Points:
    """The mean face, `scale` pixels wide, its box at (x, y)."""
    return np.asarray(MEAN_FACE[:points] * scale + at, np.float64)


def turned(points: Points, degrees: float) -> Points:
    angle, centre = np.deg2rad(degrees), points.mean(axis=0)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((points - centre) @ rotation + centre)


@pytest.mark.parametrize("points", [68, 81])
@pytest.mark.parametrize("degrees", range(0, 360, 30))
@pytest.mark.parametrize("narrow", [1.0, 0.6, 0.25], ids=["frontal", "aside", "profile"])
def test_a_face_may_be_turned_in_any_way(points: int, degrees: int, narrow: float) -> None:
    seen = face(points)
    seen[:, 0] = 110 + narrow * (seen[:, 0] - 110)
    check_landmarks(turned(seen, degrees), SHAPE)


def test_a_face_may_leave_the_image_in_part() -> None:
    check_landmarks(face(at=(-30, 100)), SHAPE)
    check_landmarks(face(at=(250, 50)), SHAPE)


def test_a_mirrored_face_whose_points_kept_their_names_is_in_its_place() -> None:
    seen = face()
    seen[:, 0] = 320 - seen[:, 0]
    check_landmarks(seen, SHAPE)


@pytest.mark.parametrize("points", [68, 81])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p / (320, 240), "look like fractions of the image's size, 320x240"),
        (lambda p: 2 * p / (320, 240) - 1, "look like fractions"),
        (np.zeros_like, "look like fractions"),
        (lambda p: np.full_like(p, 50), "span 0x0 pixels, less than the 16 of a face"),
        (lambda p: 50 + (p - p.mean(axis=0)) * 0.1, r"span \d+x\d+ pixels, less than the 16"),
        (
            lambda p: p[:, ::-1],
            r"the eyes beside the mouth and are mirrored: they look like \(y, x\)",
        ),
        (lambda p: turned(p, 20)[:, ::-1], r"look like \(y, x\)"),
        (
            lambda p: 4 * p,
            r"outside the 320x240 image: .* of an image of 6\d\dx6\d\d pixels",
        ),
        (lambda p: p - 1000, "lie outside the 320x240 image; they must be"),
    ],
    ids=["0-1", "-1-1", "zero", "point", "small", "yx", "yx-turned", "larger", "elsewhere"],
)
def test_what_landmarks_look_like_is_told(points: int, change: object, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as told:
        check_landmarks(change(face(points)), SHAPE)  # type: ignore[operator]
    assert "(x, y) in pixels of this very image" in str(told.value)


def test_places_that_changed_with_x_and_y_may_lie_outside() -> None:
    """An image that is wider than high, and a face at its right."""
    with pytest.raises(DataError, match=r"outside the 320x240 image: they look like \(y, x\)"):
        check_landmarks(face(at=(215, 20), scale=100)[:, ::-1], SHAPE)


def test_real_landmarks_pass(faces: Path) -> None:
    checked = 0
    for path in sorted((faces / "portraits").rglob("*.npy"))[:60]:
        points = np.load(path)
        if points.shape in {(68, 2), (81, 2)}:
            check_landmarks(points, (4096, 4096, 3))
            with pytest.raises(DataError, match="look like"):
                check_landmarks(points[:, ::-1], (4096, 4096, 3))
            checked += 1
    if not checked:
        pytest.skip("no landmarks beside the portraits")


# --- where they are read ----------------------------------------------------------------------


def test_a_frame_with_such_landmarks_is_refused_by_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros(SHAPE, np.uint8))
    np.save(tmp_path / "a.npy", face() / (320, 240))
    reader = reader_of(load_plugins(), crop_from="landmarks")
    with pytest.raises(DataError, match=r"landmarks .*a\.npy lie between .* look like fractions"):
        reader.read(Frame(path=tmp_path / "a.png", landmarks=tmp_path / "a.npy"))


@pytest.mark.parametrize("policy", ["sbi", "deepfakebench", "frame"])
def test_a_box_of_under_16_pixels_is_no_face(policy: str) -> None:
    small = face(scale=12)
    image = np.zeros((15, 200, 3) if policy == "frame" else SHAPE, np.uint8)
    box = (60.0, 50.0, 72.0, 66.0)
    seen = Face(box=box, landmarks=small.astype(np.float32))
    with pytest.raises(DataError, match="pixels, fewer than the 16 per side that a face needs"):
        crop_face(image, seen, CropPolicy(name=policy, size=64))
