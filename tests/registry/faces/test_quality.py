"""Sharpness and fine detail against other ways to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve

from registry.faces.quality import fine_detail, sharpness


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (200, 160, 3)).astype(np.float32), (0, 0), 1.5)
    return np.clip((smooth - 128) * 4 + 128, 0, 255).astype(np.uint8)


def test_sharpness_is_the_variance_of_a_laplacian(image: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)  # 160 x 200 as it is
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
    expected = convolve(grey, kernel, mode="mirror").var()
    assert sharpness(image) == pytest.approx(expected, rel=1e-6)


def test_blur_takes_away_both_whatever_the_size_of_the_crop(image: NDArray[np.uint8]) -> None:
    for size in ((160, 200), (320, 320), (96, 96)):
        crop = np.asarray(cv2.resize(image, size), np.uint8)
        soft = np.asarray(cv2.GaussianBlur(crop, (0, 0), 0.02 * size[0]), np.uint8)
        assert sharpness(soft) < 0.5 * sharpness(crop)
        assert fine_detail(soft) < fine_detail(crop) - 3
    assert sharpness(np.full((50, 40, 3), 7, np.uint8)) == 0
    assert fine_detail(np.full((50, 40, 3), 7, np.uint8)) == pytest.approx(-120)


def test_a_wave_is_fine_or_not_by_its_length() -> None:
    x = np.arange(160)

    def wave(cycles: float) -> NDArray[np.uint8]:
        row = np.rint(128 + 100 * np.sin(2 * np.pi * cycles * x)).astype(np.uint8)
        return np.repeat(np.repeat(row[None, :, None], 200, 0), 3, 2)

    assert fine_detail(wave(0.35)) > -1
    assert fine_detail(wave(0.1)) < -30
