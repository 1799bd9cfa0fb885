"""Moves of images and maps, and what maps of a network that is known to be equivariant do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lesb_plugin.audit.measures.equivariance import (
    MOVES,
    Move,
    border_share,
    in_corner,
    move_image,
    move_points,
    same_map,
)

SIZE = 96


def blobs(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((SIZE, SIZE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return (smooth - smooth.min()) / (smooth.max() - smooth.min())


@pytest.mark.parametrize("name", list(MOVES))
def test_landmarks_move_with_the_pixels_under_them(name: str) -> None:
    points = np.random.default_rng(1).uniform(30, 65, (68, 2)).astype(np.float32)
    moved = move_points(points, MOVES[name], SIZE)
    for before in (0, 30, 48):
        spot = np.zeros((SIZE, SIZE), np.float32)
        x, y = np.rint(points[before]).astype(int)
        spot[y, x] = 1.0
        image = cv2.GaussianBlur(spot, (0, 0), 2)
        there = np.unravel_index(np.asarray(move_image(image, MOVES[name])).argmax(), spot.shape)
        distance = np.hypot(*(moved - np.array(there[::-1])).T).min()
        assert distance < 1.5, (name, before)


def test_a_flip_swaps_left_and_right_landmarks() -> None:
    points = np.zeros((68, 2), np.float32)
    points[:, 1] = 50
    points[36], points[45] = (30, 40), (66, 41)  # outer corners of the two eyes
    moved = move_points(points, Move(flip=True), SIZE)
    np.testing.assert_allclose(moved[45], (SIZE - 1 - 30, 40), atol=1e-4)
    np.testing.assert_allclose(moved[36], (SIZE - 1 - 66, 41), atol=1e-4)


@pytest.mark.parametrize("name", list(MOVES))
def test_a_pointwise_map_is_equivariant_and_a_fixed_one_is_not(name: str) -> None:
    image, move = blobs(), MOVES[name]
    moved = np.asarray(move_image(image, move), np.float32)
    assert same_map(image**2, moved**2, move) > 0.98
    assert abs(same_map(image, image, move)) < 0.95
    assert abs(same_map(blobs(1), blobs(2), move)) < 0.5


def test_the_correlation_is_pearsons_on_the_pixels_that_stay() -> None:
    move = Move(shift=(0.25, 0.0))
    one, other = blobs(1), blobs(2)
    want = np.corrcoef(one[:, : SIZE - 24].ravel(), other[:, 24:].ravel())[0, 1]
    assert same_map(one, other, move) == pytest.approx(want, abs=1e-5)


def test_an_even_map_says_nothing_of_moves() -> None:
    even = np.full((SIZE, SIZE), 0.3, np.float32)
    assert same_map(even, blobs(), MOVES["flip"]) == 0.0
    assert np.isnan(same_map(even, even, MOVES["flip"]))


def test_mass_on_the_border_is_counted_over_its_area() -> None:
    move = Move(shift=(0.25, 0.0))  # the left quarter is new
    even = np.ones((SIZE, SIZE), np.float32)
    assert border_share(even, move) == pytest.approx(1.0)
    inside = even.copy()
    inside[:, :24] = 0
    assert border_share(inside, move) == 0.0
    assert border_share(1 - inside, move) == pytest.approx(4.0)
    assert np.isnan(border_share(even, MOVES["flip"]))


def test_corners_are_cells_of_the_map() -> None:
    heat = np.zeros((7, 7), np.float32)
    heat[0, 6] = 1
    assert in_corner(heat) == 1.0
    heat[3, 3] = 2
    assert in_corner(heat) == 0.0
    assert in_corner(np.ones((7, 7), np.float32)) == pytest.approx(4 / 49)
