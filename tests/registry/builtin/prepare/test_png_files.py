"""Crops and masks are read back as they were, from files that are not much larger."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from registry.builtin.prepare.png_files import write_mask, write_photograph
from registry.data.images import read_image


def photograph(blur: float) -> np.ndarray:
    """Smooth shapes of a face's size with the noise of a sensor, RGB."""
    rng = np.random.default_rng(int(10 * blur))
    shapes = cv2.resize(rng.uniform(0, 255, (12, 12, 3)), (380, 380), interpolation=cv2.INTER_CUBIC)
    noise = cv2.GaussianBlur(rng.normal(0, 8, shapes.shape), (0, 0), blur)
    return np.clip(shapes + noise, 0, 255).astype(np.uint8)


def test_a_photograph_is_read_back_to_the_last_pixel_and_is_no_larger(tmp_path: Path) -> None:
    for blur in (0.5, 1.0, 2.0):
        image = photograph(blur)
        write_photograph(tmp_path / "a.png", image)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
        usual = len(cv2.imencode(".png", image[..., ::-1])[1])
        assert (tmp_path / "a.png").stat().st_size < 1.1 * usual


def test_a_mask_is_white_where_it_is_true(tmp_path: Path) -> None:
    mask = np.zeros((40, 30), bool)
    mask[5:20, 3:9] = True
    write_mask(tmp_path / "m.png", mask)
    np.testing.assert_array_equal(read_image(tmp_path / "m.png")[..., 1] == 255, mask)
    assert cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED).shape == (40, 30)
