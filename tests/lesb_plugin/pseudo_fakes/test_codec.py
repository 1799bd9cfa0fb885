"""Codecs by chance, and the recipe that they belong to."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.codec import draw_coding
from lesb_plugin.pseudo_fakes.quality import draw_quality
from lesb_plugin.pseudo_fakes.recipe import Quality

Image = NDArray[np.uint8]


@pytest.fixture
def image() -> Image:
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (171, 163, 1)).astype(np.float32), (0, 0), 4)
    return np.clip((smooth[..., None] - 128) * 7 + (140, 120, 100), 0, 255).astype(np.uint8)


def _error(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_codings_are_drawn_by_weight_and_half_of_them_move() -> None:
    weights = {"h264": 0.6, "vp9": 0.4, "mpeg4": 0.0}
    drawn = [draw_coding(weights, 0.5, np.random.default_rng(seed)) for seed in range(400)]
    count = Counter(each.codec for each in drawn)
    assert set(count) == {"h264", "vp9"}
    assert 200 < count["h264"] < 280
    moving = [each.motion for each in drawn if each.motion is not None]
    assert 160 < len(moving) < 240
    assert {each.frames for each in moving} == {2, 3, 4, 5, 6}
    assert all(1 <= each.at < each.frames for each in moving)
    presets = {each.preset for each in drawn if each.codec == "h264"}
    assert presets == {"superfast", "veryfast", "faster", "fast", "medium"}
    assert len({each.offset for each in drawn}) > 150


def test_unknown_codecs_and_recipes_without_any_are_told() -> None:
    assert "give weights of 0 or more to h264" in Quality(codecs={"av2": 1.0}).fault()
    assert "no codec a weight" in Quality(codecs={"h264": 0.0}).fault()
    assert Quality(codecs={"h264": 0.0}, codec_p=0.0).fault() == ""


def test_a_recipe_of_codecs_alone_is_one_function_for_both_of_a_pair(image: Image) -> None:
    recipe = Quality(
        colour_p=0, grey_p=0, blur_p=0, sharpen_p=0, rescale_p=0, noise_p=0,
        jpeg_passes=(1.0, 0.0, 0.0), codec_p=1.0, codec_twice_p=0.5, stored_p=0.5,
    )  # fmt: skip
    for seed in range(12):
        distort = draw_quality(recipe, np.random.default_rng(seed))
        once = distort(image)
        np.testing.assert_array_equal(once, distort(image))
        assert once.shape == image.shape
        assert _error(once, image) > 0.5
