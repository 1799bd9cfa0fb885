from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from registry.builtin.datasets.toy.warp import SIZE, spline_map, warp


def some_points(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).uniform(5, SIZE - 6, (count, 2))


def test_it_is_the_thin_plate_spline_of_scipy() -> None:
    """scipy's kernel is r^2 log r, half of r^2 log r^2, and so is its smoothing."""
    start = some_points(0)
    end = start + np.random.default_rng(1).normal(0, 4, start.shape)
    spline = RBFInterpolator(start / SIZE, end / SIZE, kernel="thin_plate_spline", smoothing=1e-5)
    rows, columns = np.mgrid[2:SIZE:17, 2:SIZE:17]
    expected = SIZE * spline(np.stack([columns, rows], axis=-1).reshape(-1, 2) / SIZE)
    mapped = spline_map(start, end)[rows, columns].reshape(-1, 2)
    np.testing.assert_allclose(mapped, expected, atol=0.05)  # cubic between nodes


def test_points_that_stay_move_nothing() -> None:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    mapped = spline_map(some_points(2), some_points(2))
    np.testing.assert_allclose(mapped, np.stack([columns, rows], axis=-1), atol=1e-3)


def test_a_map_of_shifted_points_shifts_the_picture() -> None:
    points = some_points(3)
    picture = np.random.default_rng(4).uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)
    shifted = warp(picture, spline_map(points, points + np.array([3, -2])))
    np.testing.assert_allclose(shifted[10:-10, 10:-10], picture[8:-12, 13:-7], atol=1.0)
