"""Warps, qualities and codecs against references of their own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.changes import match_colour
from lesb_plugin.pseudo_fakes.distort import compress
from lesb_plugin.pseudo_fakes.filters import mix_bands, resized
from lesb_plugin.pseudo_fakes.geometry import (
    apply_map,
    bend_map,
    most_alike,
    piecewise_map,
    reshape_map,
    similarity_map,
    unit_shapes,
    where_to,
)
from lesb_plugin.pseudo_fakes.quality import draw_quality
from lesb_plugin.pseudo_fakes.recipe import Placement, Quality
from lesb_plugin.pseudo_fakes.view import View, place
from registry import similarity
from tests.shared.planted import MEAN_FACE

POINTS = (MEAN_FACE * (80, 90) + (40, 30)).astype(np.float32)


@pytest.fixture
def image() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (151, 163, 3)).astype(np.float32), (0, 0), 3)
    return np.clip((smooth - 128) * 6 + 128, 0, 255).astype(np.uint8)


def test_similarity_is_recovered_exactly() -> None:
    angle, scale = 0.3, 1.4
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (POINTS @ linear.T + (5, -7)).astype(np.float32)
    np.testing.assert_allclose(
        similarity(POINTS, moved), np.column_stack([linear, (5, -7)]), atol=1e-4
    )


def test_the_most_alike_shape_is_the_one_of_which_a_similarity_leaves_least() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        others = POINTS * rng.uniform(0.5, 2, (8, 1, 2)) + rng.normal(0, 8, (8, *POINTS.shape))
        left = []
        for other in others:
            matrix = similarity(other, POINTS)
            left.append(((other @ matrix[:, :2].T + matrix[:, 2] - POINTS) ** 2).sum())
        shapes = unit_shapes(np.stack([*others, POINTS]).astype(np.float32))
        assert most_alike(shapes[:-1], shapes[-1]) == int(np.argmin(left))


def test_similarity_agrees_with_opencv_on_noisy_points() -> None:
    noisy = POINTS * 1.1 + np.random.default_rng(1).normal(0, 1, POINTS.shape)
    expected, _ = cv2.estimateAffinePartial2D(POINTS, noisy, method=cv2.LMEDS, refineIters=0)
    found = similarity(POINTS, noisy.astype(np.float32))
    assert np.abs(found - expected).max() < 2.0  # a robust fit differs a little
    left = POINTS @ found[:, :2].T + found[:, 2] - noisy
    rival = POINTS @ expected[:, :2].T + expected[:, 2] - noisy
    assert (left**2).sum() <= (rival**2).sum()


def test_piecewise_map_of_an_affine_shape_is_that_affine_map() -> None:
    matrix = np.array([[1.2, 0.1, 4.0], [-0.05, 0.9, 6.0]])
    source = (POINTS @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    where = piecewise_map((150, 160), POINTS, source)
    inside = np.zeros((150, 160), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(POINTS).astype(np.int32)), 1)
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8)).astype(bool)
    y, x = np.nonzero(inside)
    expected = np.stack([x, y], axis=1) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(where[inside], expected, atol=1e-2)


def test_piecewise_map_takes_landmarks_to_landmarks() -> None:
    source = POINTS + np.random.default_rng(2).normal(0, 1.5, POINTS.shape).astype(np.float32)
    where = piecewise_map((150, 160), POINTS, source)
    at = np.rint(POINTS).astype(int)
    error = np.abs(where[at[:, 1], at[:, 0]] - (source + at - POINTS)).max(axis=1)
    assert np.median(error) < 0.5


def test_the_identity_map_gives_the_image(image: NDArray[np.uint8]) -> None:
    where = similarity_map(image.shape[:2], POINTS, POINTS)
    np.testing.assert_allclose(apply_map(image, where, cv2.INTER_LINEAR), image, atol=1)


def test_bending_moves_nothing_outside_of_its_mask(image: NDArray[np.uint8]) -> None:
    mask = np.zeros(image.shape[:2], np.float32)
    mask[60:90, 50:100] = 1
    soft = cv2.GaussianBlur(mask, (21, 21), 4)
    where = bend_map(
        soft, np.random.default_rng(0), grid=(3, 5), bend=2.0, shift=3.0, scale=(0.8, 1.25)
    )
    warped = apply_map(image, where, cv2.INTER_LINEAR)
    np.testing.assert_array_equal(warped[soft == 0], image[soft == 0])
    assert np.abs(warped.astype(int) - image)[mask > 0].mean() > 2


def test_two_pieces_mirror_each_other_about_centres_of_their_own() -> None:
    left = np.zeros((101, 201), np.float32)
    left[35:66, 30:71] = 1
    left = cv2.GaussianBlur(left, (31, 31), 6)
    right = left[:, ::-1].copy()
    where = bend_map(
        left + right,
        np.random.default_rng(3),
        grid=(3, 5),
        bend=2.0,
        shift=3.0,
        scale=(0.8, 1.25),
        pieces=[left, right],
    )
    y, x = np.mgrid[:101, :201]
    moves = where - np.stack([x, y], axis=-1)
    np.testing.assert_allclose(moves[:, ::-1, 0], -moves[..., 0], atol=1e-3)
    np.testing.assert_allclose(moves[:, ::-1, 1], moves[..., 1], atol=1e-3)
    assert np.abs(moves).max() > 1
    whole = bend_map(
        left + right, np.random.default_rng(3), grid=(3, 5), bend=2.0, shift=3.0, scale=(0.8, 1.25)
    )
    assert np.abs(whole - where).max() > 1


def test_a_scaled_piece_stays_where_it_is() -> None:
    left = np.zeros((101, 201), np.float32)
    cv2.circle(left, (50, 50), 20, 1.0, -1)
    right = left[:, ::-1].copy()

    def moved(pieces: list[NDArray[np.float32]] | None) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        return bend_map(
            left + right, rng, grid=(3, 3), bend=0.0, shift=0.0, scale=(1.25, 1.25), pieces=pieces
        )

    np.testing.assert_allclose(moved([left, right])[50, 50], (50, 50), atol=0.1)
    np.testing.assert_allclose(moved([left, right])[50, 60], (58, 50), atol=0.1)
    np.testing.assert_allclose(moved(None)[50, 50], (60, 50), atol=0.1)  # about (100, 50)


def test_matched_colours_have_the_mean_and_spread_of_the_target(image: NDArray[np.uint8]) -> None:
    target = np.clip(image * 0.7 + 50, 0, 255).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.float32)
    mask[40:110, 40:120] = 1
    matched = match_colour(image, target, mask, 1.0)
    ours, theirs = matched[mask > 0].astype(float), target[mask > 0].astype(float)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.5)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), atol=0.5)
    np.testing.assert_allclose(match_colour(image, target, mask, 0.0), image, atol=1)


# --- quality ---------------------------------------------------------------------------------


def test_one_draw_of_quality_is_one_function(image: NDArray[np.uint8]) -> None:
    seen = set()
    for seed in range(40):
        distort = draw_quality(Quality(), np.random.default_rng(seed))
        before = image.copy()
        once, twice = distort(image), distort(image)
        np.testing.assert_array_equal(once, twice)
        np.testing.assert_array_equal(image, before)
        assert once.shape == image.shape
        assert once.dtype == np.uint8
        seen.add(once.tobytes())
    assert len(seen) > 35


def test_quality_with_probabilities_of_zero_changes_nothing(image: NDArray[np.uint8]) -> None:
    recipe = Quality(
        colour_p=0, grey_p=0, blur_p=0, sharpen_p=0, rescale_p=0, noise_p=0,
        jpeg_passes=(1.0, 0.0, 0.0), codec_p=0,
    )  # fmt: skip
    for seed in range(5):
        distort = draw_quality(recipe, np.random.default_rng(seed))
        np.testing.assert_array_equal(distort(image), image)


def test_what_is_spared_is_the_image_or_one_good_jpeg_of_it(image: NDArray[np.uint8]) -> None:
    recipe = Quality(spared_p=1.0, spared_jpeg=(90, 90), colour_p=0.0, grey_p=0.0)
    found = [draw_quality(recipe, np.random.default_rng(seed))(image) for seed in range(40)]
    jpeg = compress(image, 90)
    kinds = [(np.array_equal(each, image), np.array_equal(each, jpeg)) for each in found]
    assert set(kinds) == {(True, False), (False, True)}


def test_what_is_stored_at_another_size_is_the_size_it_was(image: NDArray[np.uint8]) -> None:
    sizes = []

    def between(seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
        sizes.append(seen.shape)
        return compress(seen, 95)

    stored = resized(image, 1.5, between, cv2.INTER_CUBIC, cv2.INTER_AREA)
    assert sizes == [(226, 244, 3)]
    assert stored.shape == image.shape
    assert 0 < np.abs(stored.astype(int) - image).mean() < 6


def test_bands_of_one_image_are_that_image(image: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(mix_bands(image, image, 2.0), image)
    flat = np.full_like(image, 90)
    coarse = mix_bands(image, flat, 3.0)
    np.testing.assert_allclose(coarse, cv2.GaussianBlur(image, (0, 0), 3.0), atol=1)


# --- placement -------------------------------------------------------------------------------


def test_placement_moves_the_landmarks_with_the_pixels() -> None:
    image = np.zeros((300, 320, 3), np.uint8)
    points = (MEAN_FACE * (140, 160) + (80, 60)).astype(np.float32)
    nose = points[30]
    cv2.circle(image, tuple(np.rint(nose).astype(int).tolist()), 6, (255, 255, 255), -1)
    face = View(image, points, (80.0, 60.0, 220.0, 220.0))
    recipe = Placement(flip=0.5, width=(64, 140), rotation=10, rotation_p=0.5)
    for seed in range(12):
        view = place(face, recipe, np.random.default_rng(seed))
        y, x = np.nonzero(view.image[..., 0] > 128)
        np.testing.assert_allclose((x.mean(), y.mean()), view.landmarks[30], atol=1.0)
        assert view.width <= 141


def test_a_face_is_never_enlarged() -> None:
    face = View(np.zeros((100, 100, 3), np.uint8), POINTS / 2, (20.0, 15.0, 60.0, 60.0))
    view = place(face, Placement(width=(200, 400)), np.random.default_rng(0))
    assert view.width == pytest.approx(40)


def test_a_width_is_drawn_as_often_as_asked() -> None:
    face = View(np.zeros((300, 320, 3), np.uint8), POINTS, (80.0, 60.0, 220.0, 220.0))
    recipe = Placement(width=(64, 100), width_p=0.5)
    widths = [place(face, recipe, np.random.default_rng(seed)).width for seed in range(200)]
    assert 70 < sum(width == 140.0 for width in widths) < 130


def test_colours_of_spared_images_change_too_and_pixel_by_pixel(image: NDArray[np.uint8]) -> None:
    recipe = Quality(spared_p=1.0, spared_jpeg=(100, 100), colour_p=1.0, grey_p=0.0)
    shuffled = np.random.default_rng(0).permutation(image.shape[0] * image.shape[1])
    mixed = image.reshape(-1, 3)[shuffled].reshape(image.shape)
    alike = changed = 0
    for seed in range(20):
        first, second = (
            draw_quality(recipe, np.random.default_rng(seed))(x) for x in (image, mixed)
        )
        changed += bool((first != image).any())
        alike += np.array_equal(first.reshape(-1, 3)[shuffled].reshape(image.shape), second)
    assert changed == 20
    assert 4 < alike < 16  # the others have gone through a JPEG pass


def test_points_go_where_a_reshaped_image_shows_them() -> None:
    """A dot drawn at each point is found again at the point's new place."""
    rng = np.random.default_rng(3)
    where = reshape_map((200, 180), rng, bend=3.0, stretch=0.1)
    points = rng.uniform(50, 130, (12, 2)).astype(np.float32)
    moved = where_to(where, points)
    assert np.abs(moved - points).max() > 2
    for point, goal in zip(points, moved, strict=True):
        y, x = np.mgrid[:200, :180]
        dot = 250 * np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 18)
        seen = apply_map(np.repeat(dot[..., None], 3, 2).astype(np.uint8), where, cv2.INTER_LINEAR)
        weight = seen[..., 0].astype(float)
        centre = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        assert np.abs(centre - goal).max() < 0.6


def test_stretching_alone_makes_wider_and_less_high() -> None:
    where = reshape_map((101, 101), np.random.default_rng(0), bend=0.0, stretch=0.2)
    points = np.array([[50, 50], [70, 50], [50, 70]], np.float32)
    factor = np.exp(0.1)
    expected = [[50, 50], [50 + 20 * factor, 50], [50, 50 + 20 / factor]]
    np.testing.assert_allclose(where_to(where, points), expected, atol=1e-2)


def test_faces_are_bent_as_often_as_asked_and_keep_their_box(image: NDArray[np.uint8]) -> None:
    view = View(image, POINTS, (40.0, 30.0, 120.0, 120.0))
    recipe = Placement(bend=0.05, stretch=0.08, bend_p=0.3)
    bent = 0
    for seed in range(200):
        placed = place(view, recipe, np.random.default_rng(seed))
        assert placed.box == view.box
        moved = np.abs(placed.landmarks - view.landmarks).max()
        assert (moved > 0) == (placed.image != view.image).any()
        bent += moved > 0
    assert 40 < bent < 82
