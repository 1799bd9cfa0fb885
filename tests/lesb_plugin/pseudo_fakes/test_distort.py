from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from lesb_plugin.pseudo_fakes.distort import (
    Colour,
    compress,
    draw_colour,
    draw_resolution,
    pixelate,
    scale_tones,
    sharpen,
    shift_hsv,
    shift_rgb,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_an_rgb_shift_is_added_cut_to_whole_levels_and_clipped() -> None:
    shift = (-19.5, 0.4, 12.7)
    expected = np.clip(IMAGE + np.array(shift), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(shift_rgb(IMAGE, shift), expected)


def test_an_hsv_shift_below_one_unit_acts_as_minus_one_or_not_at_all() -> None:
    around = cv2.cvtColor(cv2.cvtColor(IMAGE, cv2.COLOR_RGB2HSV), cv2.COLOR_HSV2RGB)
    np.testing.assert_array_equal(shift_hsv(IMAGE, (0.3, 0.3, 0.3)), around)
    np.testing.assert_array_equal(
        shift_hsv(IMAGE, (-0.3, -0.01, -0.2)), shift_hsv(IMAGE, (-1.0, -1.0, -1.0))
    )
    hsv = cv2.cvtColor(IMAGE, cv2.COLOR_RGB2HSV).astype(int)
    hsv[..., 0] = (hsv[..., 0] - 1) % 180
    hsv[..., 1:] = np.maximum(hsv[..., 1:] - 1, 0)
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    np.testing.assert_array_equal(shift_hsv(IMAGE, (-0.3, -0.3, -0.3)), expected)


def test_tones_are_scaled_and_shifted_by_a_share_of_full_scale() -> None:
    expected = np.clip(IMAGE * 1.07 - 0.04 * 255, 0, 255).astype(np.uint8)
    difference = scale_tones(IMAGE, 1.07, -0.04).astype(int) - expected
    assert np.abs(difference).max() <= 1  # where the product is a whole number but for rounding
    assert (difference != 0).mean() < 0.02


@pytest.mark.parametrize("factor", [2, 4])
def test_pixelate_keeps_every_nth_pixel_and_interpolates_linearly(factor: int) -> None:
    kept = IMAGE[::factor, ::factor]
    expected = cv2.resize(kept, (60, 40), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(pixelate(IMAGE, factor), expected)


def test_sharpen_is_a_convolution_with_the_kernel_it_describes() -> None:
    alpha, lightness = 0.3, 0.8
    laplacian = np.array([[-1, -1, -1], [-1, 8 + lightness, -1], [-1, -1, -1]])
    kernel = alpha * laplacian
    kernel[1, 1] += 1 - alpha
    assert kernel.sum() == pytest.approx(1 - alpha * (1 - lightness))
    expected = np.stack(
        [ndimage.correlate(IMAGE[..., c].astype(float), kernel, mode="mirror") for c in range(3)],
        axis=-1,
    )
    found = sharpen(IMAGE, alpha, lightness)
    np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=0.51)


def test_jpeg_keeps_colours_and_loses_more_at_lower_quality() -> None:
    smooth = cv2.resize(IMAGE[:4, :6], (60, 40), interpolation=cv2.INTER_CUBIC)

    def loss(quality: int) -> float:
        return float(np.abs(compress(smooth, quality).astype(int) - smooth).mean())

    assert loss(100) < loss(60) < loss(10)
    red = np.full((16, 16, 3), (200, 30, 40), np.uint8)
    np.testing.assert_allclose(compress(red, 95).astype(int), red, atol=4)


def test_one_draw_of_colour_is_one_function_of_the_image() -> None:
    for seed in range(20):
        distort = draw_colour(Colour(), np.random.default_rng(seed))
        np.testing.assert_array_equal(distort(IMAGE), distort(IMAGE))


def test_a_colour_that_never_happens_changes_nothing() -> None:
    never = Colour(rgb_p=0.0, hsv_p=0.0, tone_p=0.0)
    np.testing.assert_array_equal(draw_colour(never, np.random.default_rng(0))(IMAGE), IMAGE)
    np.testing.assert_array_equal(draw_resolution(0.0, np.random.default_rng(0))(IMAGE), IMAGE)


def test_colour_distortions_happen_with_their_probabilities() -> None:
    grey = np.full((2, 2, 3), 128, np.uint8)  # HSV and back leaves grey as it is
    recipe = Colour(rgb=20.0, rgb_p=0.3, hsv_p=0.0, tone_p=0.0)
    changed = [
        (draw_colour(recipe, np.random.default_rng(i))(grey) != grey).any() for i in range(1000)
    ]
    assert 0.24 < np.mean(changed) < 0.36


def test_resolution_is_lost_or_the_image_sharpened_with_equal_chances() -> None:
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 100
    results = [draw_resolution(1.0, np.random.default_rng(i))(edge) for i in range(1000)]
    sharper = [result.max() > 100 or result[0, 15, 0] < 100 for result in results]
    assert 0.43 < np.mean(sharper) < 0.57


def test_no_distortion_changes_its_input() -> None:
    image = IMAGE.copy()
    image.flags.writeable = False
    shift_rgb(image, (5, 5, 5))
    shift_hsv(image, (5, 5, 5))
    scale_tones(image, 1.1, 0.1)
    pixelate(image, 2)
    sharpen(image, 0.3, 0.7)
    compress(image, 50)
    np.testing.assert_array_equal(image, IMAGE)
