from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.blend import Pair, Style, mirror, self_blend
from lesb_plugin.pseudo_fakes.distort import Colour
from tests.shared.planted import MEAN_FACE, PlantedSample

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

BARE = Style(flip=0.0, after=None, jpeg_p=0.0)  # the blend alone, nothing done to the pair


def face(number: int = 0, points: int = 81) -> tuple[Image, Points]:
    image, found = PlantedSample(number, points).load()
    assert found.landmarks is not None
    return image, found.landmarks


def pairs(style: Style, count: int, points: int = 81) -> list[Pair]:
    image, landmarks = face(points=points)
    return [self_blend(image, landmarks, np.random.default_rng(i), style) for i in range(count)]


@pytest.mark.parametrize("points", [68, 81])
def test_a_pair_has_one_size_a_mask_in_0_to_1_and_uint8_pixels(points: int) -> None:
    for pair in pairs(Style(), 50, points):
        assert pair.fake.dtype == pair.real.dtype == np.uint8
        assert pair.fake.shape == pair.real.shape == (*pair.mask.shape, 3)
        assert pair.mask.min() >= 0
        assert 0.2 < pair.mask.max() <= 1
        assert pair.landmarks.shape == (points, 2)


def test_outside_of_the_mask_the_fake_is_the_real() -> None:
    for pair in pairs(BARE, 50):
        outside = pair.mask == 0
        assert outside.mean() > 0.3
        np.testing.assert_array_equal(pair.fake[outside], pair.real[outside])
        assert (pair.fake[~outside] != pair.real[~outside]).any()


def test_the_input_is_never_changed() -> None:
    image, landmarks = face()
    before = image.copy(), landmarks.copy()
    image.flags.writeable = landmarks.flags.writeable = False
    for i in range(30):
        self_blend(image, landmarks, np.random.default_rng(i))
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(landmarks, before[1])


def test_the_same_generator_state_gives_the_same_pair_and_another_one_another() -> None:
    image, landmarks = face()
    one, again, other = (
        self_blend(image, landmarks, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.fake, again.fake)
    np.testing.assert_array_equal(one.real, again.real)
    assert one.fake.shape != other.fake.shape or (one.fake != other.fake).any()


@pytest.mark.slow
def test_half_of_the_samples_are_mirrored() -> None:
    mirrored = [pair.matrix[0, 0] < 0 for pair in pairs(Style(), 400)]
    assert 0.4 < np.mean(mirrored) < 0.6  # 4 standard deviations


@pytest.mark.slow
def test_half_of_the_reals_are_the_distorted_target() -> None:
    image, landmarks = face()
    untouched = 0
    for i in range(400):
        pair = self_blend(image, landmarks, np.random.default_rng(i), BARE)
        height, width = pair.real.shape[:2]
        left, top = (-pair.matrix[:, 2]).astype(int)
        untouched += np.array_equal(pair.real, image[top : top + height, left : left + width])
    assert 0.4 < untouched / 400 < 0.6


def test_a_quarter_of_the_full_hulls_leave_out_the_forehead() -> None:
    style = replace(BARE, hulls=("full",), elastic=0.0, scale=1.0, shift=(0.0, 0.0))
    tops = []
    for pair in pairs(style, 400):
        brow = pair.landmarks[17:27, 1].min()
        forehead = pair.landmarks[68:, 1].min()
        tops.append(np.flatnonzero(pair.mask.any(axis=1))[0] > (brow + forehead) / 2)
    assert 0.16 < np.mean(tops) < 0.34


@pytest.mark.slow
def test_half_of_the_masks_are_opaque_and_the_rest_of_the_three_other_ratios() -> None:
    peaks = np.array([pair.mask.max() for pair in pairs(BARE, 600)])
    for ratio, share in ((0.25, 1 / 6), (0.5, 1 / 6), (0.75, 1 / 6), (1.0, 1 / 2)):
        assert abs(np.mean(np.abs(peaks - ratio) < 0.02) - share) < 0.08


@pytest.mark.slow
def test_scale_and_shift_move_the_mask_as_far_as_they_say() -> None:
    style = replace(BARE, hulls=("full",), without_forehead=0.0, elastic=0.0, kernel=(5, 5))
    still = pairs(replace(style, scale=1.0, shift=(0.0, 0.0)), 1)[0]

    def centre(pair: Pair) -> NDArray[np.float64]:
        rows, columns = np.nonzero(pair.mask > pair.mask.max() / 2)
        return np.array([columns.mean(), rows.mean()])

    height, width = still.mask.shape
    only_shift = pairs(replace(style, scale=1.0), 200)
    moves = np.array([centre(pair) - centre(still) for pair in only_shift])
    assert np.abs(moves[:, 0]).max() == pytest.approx(0.03 * width, abs=0.7)
    assert np.abs(moves[:, 1]).max() == pytest.approx(0.015 * height, abs=0.7)
    areas = [
        (pair.mask > pair.mask.max() / 2).sum() / (still.mask > 0.5).sum()
        for pair in pairs(replace(style, shift=(0.0, 0.0)), 200)
    ]
    assert 0.95**2 - 0.06 < min(areas) < 0.95
    assert 1.05 < max(areas) < 1 / 0.95**2 + 0.06


def test_what_is_done_after_the_blend_is_done_to_both_alike() -> None:
    style = Style(ratios=(0.0,), jpeg_p=1.0, after=Colour(rgb_p=1.0, tone=0.3))
    for pair in pairs(style, 30):
        np.testing.assert_array_equal(pair.fake, pair.real)


def test_validation_pairs_are_upright_and_keep_their_target() -> None:
    style = Style().for_validation()
    assert style.margin is None
    image, landmarks = face()
    for i in range(30):
        pair = self_blend(image, landmarks, np.random.default_rng(i), style)
        assert pair.matrix[0, 0] == 1
        outside = pair.mask == 0
        np.testing.assert_array_equal(pair.fake[outside], pair.real[outside])


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_the_matrix_takes_pixels_of_the_image_to_pixels_of_the_pair(flip: float) -> None:
    image, landmarks = face()
    style = replace(BARE, flip=flip, source=1.0)  # the real is the image itself
    pair = self_blend(image, landmarks, np.random.default_rng(0), style)
    height, width = pair.real.shape[:2]
    for x, y in itertools.product((60, 90, 120), (70, 110)):
        u, v = (pair.matrix @ (x, y, 1)).astype(int)
        assert 0 <= u < width
        assert 0 <= v < height
        np.testing.assert_array_equal(pair.real[v, u], image[y, x])
    mapped = landmarks @ pair.matrix[:, :2].T + pair.matrix[:, 2]
    expected = pair.landmarks if flip == 0 else mirror(pair.landmarks, 0) * (-1, 1) - (1, 0)
    np.testing.assert_allclose(mapped, expected, atol=1e-3)


def test_the_crop_reaches_half_a_width_aside_a_height_above_and_less_below() -> None:
    image = np.zeros((1000, 1000, 3), np.uint8)
    landmarks = (MEAN_FACE * (200, 240) + (400, 400)).astype(np.float32)
    pair = self_blend(image, landmarks, np.random.default_rng(0), BARE)
    (x0, y0), (x1, y1) = landmarks[:68].min(axis=0), landmarks[:68].max(axis=0)
    w, h = x1 - x0, y1 - y0
    left, top = -pair.matrix[:, 2]
    assert (left, top) == (int(x0 - w / 2), int(y0 - h))
    assert pair.fake.shape[1] == pytest.approx(2 * w, abs=2)
    assert pair.fake.shape[0] == pytest.approx(2.4 * h, abs=2)


# --- mirrored landmarks ----------------------------------------------------------------------


@pytest.mark.parametrize("points", [68, 81])
def test_mirroring_twice_is_the_identity(points: int) -> None:
    landmarks = face(points=points)[1]
    np.testing.assert_allclose(mirror(mirror(landmarks, 180), 180), landmarks, atol=1e-4)


def test_every_mirrored_landmark_of_real_faces_is_where_its_name_says(faces: Path) -> None:
    files = sorted(faces.glob("*/landmarks/*.npy"))[::20]
    found = []
    for file in files:
        points = np.load(file)
        eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        found.append((points - sum(eyes) / 2) / np.linalg.norm(eyes[1] - eyes[0]))
    mean = np.mean(found, axis=0)
    mirrored = mirror(mean.astype(np.float32), 1)  # x' = -x
    distance = np.linalg.norm(mirrored[:, None] - mean[None], axis=-1)
    np.testing.assert_array_equal(distance.argmin(axis=1), np.arange(81))


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(67, 2), (81, 3), (0, 2)])
def test_landmarks_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"\(68, 2\) or \(81, 2\)"):
        self_blend(face()[0], np.zeros(shape, np.float32), np.random.default_rng(0))


def test_landmarks_that_are_not_finite_are_refused() -> None:
    image, landmarks = face()
    landmarks[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        self_blend(image, landmarks, np.random.default_rng(0))


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_landmarks_outside_of_the_image_are_refused(shift: float) -> None:
    image, landmarks = face()
    with pytest.raises(ValueError, match="not a face in an image of 180 x 200 pixels"):
        self_blend(image, landmarks + np.float32(shift), np.random.default_rng(0))


def test_a_face_at_the_edge_of_its_image_is_blended_or_refused_but_never_crashes() -> None:
    image, landmarks = face()
    refused = 0
    for i, dx in enumerate(range(-120, 130, 10)):
        moved = landmarks + np.array([dx, dx], np.float32)
        try:
            pair = self_blend(image, moved, np.random.default_rng(i))
        except ValueError:
            refused += 1
        else:
            assert pair.mask.max() > 0
    assert refused < 15


def test_a_small_face_is_blended_too() -> None:
    image, landmarks = face()
    small = cv2.resize(image, None, fx=0.2, fy=0.2)
    pair = self_blend(small, landmarks * np.float32(0.2), np.random.default_rng(0), BARE)
    assert (pair.fake != pair.real).any()
