from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.contracts.types import CropPolicy, Face, whole_frame
from registry.errors import ConfigError, DataError
from registry.faces.crops import (
    LANDMARK_BOX,
    crop_face,
    fraction_inside,
    grow_box,
    iou,
    landmark_box,
)

POLICY = CropPolicy(name="sbi", size=64, margin=0.125)


def blank(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), dtype=np.uint8)


def points(count: int = 81, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(60, 140, (count, 2)).astype(np.float32)


def test_a_box_grows_by_shares_of_its_own_size() -> None:
    assert grow_box((10, 20, 50, 40), 0.25) == (0, 15, 60, 45)
    assert grow_box((10, 20, 50, 40), (0.1, 0.2, 0.3, 0.4)) == (6, 16, 62, 48)


def test_iou_of_known_boxes() -> None:
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert iou((0, 0, 2, 2), (2, 0, 3, 2)) == 0


@pytest.mark.parametrize("count", [68, 81])
def test_landmark_box_moves_and_scales_with_the_landmarks(count: int) -> None:
    landmarks = points(count).astype(np.float64)
    box = np.array(landmark_box(landmarks))
    assert np.array(landmark_box(landmarks * 2.5 + 7)) == pytest.approx(box * 2.5 + 7)


@pytest.mark.parametrize("count", [68, 81])
def test_a_mirrored_face_has_the_mirrored_box(count: int) -> None:
    landmarks = points(count).astype(np.float64)
    x0, y0, x1, y1 = landmark_box(landmarks)
    mirrored = landmark_box(landmarks * [-1, 1] + [299, 0])
    assert mirrored == pytest.approx((299 - x1, y0, 299 - x0, y1))


@pytest.mark.parametrize("shape", [(5, 2), (81, 3), (80, 2), (162,)])
def test_landmarks_of_another_number_have_no_box(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"expected \(68, 2\) or \(81, 2\)"):
        landmark_box(np.zeros(shape))


def test_boxes_of_68_and_81_points_agree_on_real_faces(faces: Path) -> None:
    """Both were fitted to the same detector's boxes."""
    files = sorted((faces / "ffhq512" / "landmarks").glob("*.npy"))[:100]
    overlaps = [iou(landmark_box(p), landmark_box(p[:68])) for p in map(np.load, files)]
    assert np.mean(overlaps) > 0.93
    assert set(LANDMARK_BOX) == {68, 81}


def test_sbi_crop_truncates_adds_one_on_the_far_edges_and_clips() -> None:
    """The rectangle of the published evaluation, worked out by hand."""
    box = (100.6, 50.2, 140.6, 110.2)  # 40 x 60, so 5 and 7.5 more on each side
    assert crop_face(blank(), Face(box=box), POLICY).box == (95, 42, 146, 118)
    box = (2.0, 3.0, 42.0, 190.0)  # grows to -3, -20.375, 47, 213.375
    assert crop_face(blank(), Face(box=box), POLICY).box == (0, 0, 48, 200)


def test_sbi_crop_is_the_resized_rectangle_without_its_aspect() -> None:
    image = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    crop = crop_face(image, Face(box=(100, 20, 180, 180)), POLICY)
    assert crop.box == (90, 0, 191, 200)
    assert crop.image.shape == (64, 64, 3)
    expected = cv2.resize(image[0:200, 90:191], (64, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(crop.image, expected)


def test_margins_may_differ_by_side() -> None:
    face = Face(box=(100, 50, 140, 110))
    crop = crop_face(blank(), face, POLICY, margin=(0.05, 0.1, 0.15, 0.2))
    assert crop.box == (98, 44, 147, 123)
    assert crop_face(blank(), face, POLICY, margin=0.0).box == (100, 50, 141, 111)


@pytest.mark.parametrize("size", [48, 97, 300])
def test_a_dot_drawn_at_a_landmark_is_where_the_crop_says(size: int) -> None:
    """The centre of mass of a round dot; the corner convention would be .1 to .4 pixels off."""
    rows, columns = np.mgrid[0:400, 0:400]
    dot = 255 * np.exp(-((columns - 218) ** 2 + (rows - 182) ** 2) / (2 * 8.0**2))
    image = np.repeat(np.rint(dot).astype(np.uint8)[..., None], 3, axis=2)
    landmarks = np.full((81, 2), (218.0, 182.0), dtype=np.float32)
    face = Face(box=(120.0, 100.0, 300.0, 290.0), landmarks=landmarks)
    crop = crop_face(image, face, CropPolicy(size=size))
    assert crop.landmarks is not None
    weights = crop.image[..., 0].astype(float)
    rows, columns = np.mgrid[0:size, 0:size]
    centre = [(weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()]
    assert crop.landmarks[0] == pytest.approx(centre, abs=0.02)


def test_a_whole_frame_is_resized_as_it_is_whatever_the_box_and_the_margin() -> None:
    image = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    landmarks = np.tile(np.float32([[-0.5, -0.5], [299.5, 199.5]]), (34, 1))  # the corners
    face = Face(box=(100, 20, 180, 180), landmarks=landmarks)
    policy = whole_frame(CropPolicy(name="deepfakebench", size=64, margin=0.3))
    assert policy == CropPolicy(name="frame", size=64, margin=0.0)
    crop = crop_face(image, face, policy, margin=(0.1, 0.2, 0.1, 0.2))
    assert crop.box == (0, 0, 300, 200)
    np.testing.assert_array_equal(crop.image, cv2.resize(image, (64, 64)))
    assert crop.landmarks is not None
    np.testing.assert_allclose(crop.landmarks[:2], [[-0.5, -0.5], [63.5, 63.5]], atol=1e-4)
    square = image[:64, :64]
    np.testing.assert_array_equal(crop_face(square, Face(box=(0, 0, 1, 1)), policy).image, square)


def test_landmarks_stay_none_where_the_face_has_none() -> None:
    assert crop_face(blank(), Face(box=(10, 10, 50, 50)), POLICY).landmarks is None


def test_image_and_landmarks_are_left_as_they_were() -> None:
    image, landmarks = blank(), points()
    before = image.copy(), landmarks.copy()
    crop_face(image, Face(box=(60, 60, 140, 140), landmarks=landmarks), POLICY)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(landmarks, before[1])


@pytest.mark.parametrize(
    "box",
    [(300, 10, 340, 50), (-80, 10, -10, 50), (10, 200, 50, 240), (50, 50, 50, 90), (50, 9, 20, 40)],
)
def test_a_box_without_area_inside_the_image_is_an_error(
    box: tuple[float, float, float, float],
) -> None:
    with pytest.raises(DataError, match="no area inside the 300x200 image"):
        crop_face(blank(), Face(box=box), POLICY)


def test_a_box_of_nan_is_an_error() -> None:
    with pytest.raises(DataError, match="not finite"):
        crop_face(blank(), Face(box=(float("nan"), 0, 10, 10)), POLICY)


def test_landmarks_outside_the_image_are_an_error() -> None:
    face = Face(box=(10, 10, 50, 50), landmarks=points() + 1000)
    with pytest.raises(DataError, match="all landmarks lie outside the 300x200 image"):
        crop_face(blank(), face, POLICY)


def test_an_unknown_policy_names_those_known() -> None:
    known = "deepfakebench, frame, frame_cubic, sbi"
    with pytest.raises(ConfigError, match=rf"'sbl'; did you mean 'sbi'\? known: {known}"):
        crop_face(blank(), Face(box=(10, 10, 50, 50)), CropPolicy(name="sbl"))


def test_a_point_on_the_last_pixel_is_inside() -> None:
    inside = np.array([[299.0, 199.0], [0.0, 0.0], [299.6, 10.0], [-0.6, 10.0]])
    assert fraction_inside(inside, (200, 300, 3)) == 0.5


def test_a_whole_frame_is_resized_linearly_or_as_deepfakebench_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    face = Face(box=(0, 0, 64, 64))
    for name, how in (("frame", cv2.INTER_LINEAR), ("frame_cubic", cv2.INTER_CUBIC)):
        crop = crop_face(image, face, CropPolicy(name=name, size=96, margin=0))
        expected = cv2.resize(image, (96, 96), interpolation=how)
        np.testing.assert_array_equal(crop.image, expected)
