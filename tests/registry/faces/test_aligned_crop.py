"""The aligned crop against hand-made similarities and normal equations."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from registry.contracts.types import CropPolicy, Face
from registry.errors import DataError
from registry.faces.aligned_crop import FIVE, similarity
from registry.faces.crops import crop_face

POLICY = CropPolicy(name="deepfakebench", size=256, margin=0.3)
# ArcFace's five points in a crop of 256 pixels at scale 1.3: (template + 16.8) * 256 / 145.6.
GOAL = np.array(
    [[96.8696, 120.4331], [158.8251, 120.0908], [128.0443, 155.6684], [102.5922, 191.9393],
     [153.8997, 191.6555]]
)  # fmt: skip


def face_at(matrix: np.ndarray) -> Face:
    """A face whose five points lie where the similarity `matrix` (2, 3) takes GOAL."""
    landmarks = np.random.default_rng(0).uniform(80, 160, (68, 2))
    landmarks[FIVE] = GOAL
    moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
    return Face(box=(0.0, 0.0, 1.0, 1.0), landmarks=moved.astype(np.float32))


@pytest.mark.parametrize(("angle", "scale"), [(0, 1.0), (25, 0.7), (-140, 1.6)])
def test_the_five_points_land_on_the_template_wherever_the_face_was(
    angle: float, scale: float
) -> None:
    matrix = cv2.getRotationMatrix2D((128, 128), angle, scale)
    matrix[:, 2] += (60, 30)
    image = np.zeros((400, 420, 3), np.uint8)
    crop = crop_face(image, face_at(matrix), POLICY)
    assert crop.image.shape == (256, 256, 3)
    assert crop.landmarks is not None
    np.testing.assert_allclose(crop.landmarks[FIVE], GOAL, atol=1e-2)


def test_pixels_move_with_the_landmarks() -> None:
    matrix = cv2.getRotationMatrix2D((128, 128), 20, 1.25)
    matrix[:, 2] += (40, 30)
    face = face_at(matrix)
    assert face.landmarks is not None
    image = np.zeros((400, 420, 3), np.uint8)
    nose = face.landmarks[30]
    cv2.circle(image, (round(float(nose[0])), round(float(nose[1]))), 5, (255, 255, 255), -1)
    crop = crop_face(image, face, POLICY).image[..., 0]
    rows, columns = np.nonzero(crop > 127)
    np.testing.assert_allclose((columns.mean(), rows.mean()), GOAL[2], atol=1.0)


def test_the_similarity_is_that_of_least_squares() -> None:
    """Against the normal equations for (a, b, x, y) of [a -b; b a] p + (x, y)."""
    rng = np.random.default_rng(1)
    source, target = rng.uniform(0, 100, (5, 2)), rng.uniform(0, 100, (5, 2))
    rows, wanted = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [(x, -y, 1, 0), (y, x, 0, 1)]
        wanted += [u, v]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    np.testing.assert_allclose(similarity(source, target), [[a, -b, dx], [b, a, dy]], rtol=1e-9)


def test_the_box_is_the_rectangle_around_the_crop_within_the_image() -> None:
    face = face_at(np.array([[1.0, 0, 10], [0, 1.0, 20]]))
    crop = crop_face(np.zeros((270, 400, 3), np.uint8), face, POLICY)
    assert np.abs(np.subtract(crop.box, (10, 20, 266, 270))).max() <= 1


@pytest.mark.parametrize(
    ("landmarks", "told"),
    [
        (None, "needs landmarks"),
        (np.full((68, 2), 7.0, np.float32), "coincide"),
        (np.full((68, 2), np.nan, np.float32), "coincide"),
        (GOAL[np.resize(range(5), 68)].astype(np.float32) + 5000, "there is no face|outside the"),
    ],
)
def test_a_face_that_cannot_be_aligned_is_an_error(landmarks: np.ndarray | None, told: str) -> None:
    face = Face(box=(0.0, 0.0, 50.0, 50.0), landmarks=landmarks)
    with pytest.raises(DataError, match=told):
        crop_face(np.zeros((100, 100, 3), np.uint8), face, POLICY)
