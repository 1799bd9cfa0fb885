"""What a video codec does to a face, against other readings of the same bits."""

from __future__ import annotations

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.data import codecs
from registry.data.codecs import CODECS, Codec, Coding, Motion, missing_encoders, video_frame

Image = NDArray[np.uint8]
MOVING = Motion(frames=5, at=3, drift=(0.006, -0.003), turn=0.4, growth=0.004)


@pytest.fixture(scope="module")
def image() -> Image:
    """Edges, smooth shading and fine grain; sides are odd."""
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (171, 163, 1)).astype(np.float32), (0, 0), 4)
    grain = rng.normal(0, 6, (171, 163, 1))
    shaded = np.clip((smooth[..., None] - 128) * 7 + (140, 120, 100) + grain, 0, 255)
    shaded = shaded.astype(np.uint8)
    cv2.circle(shaded, (80, 90), 40, (200, 150, 120), 3)
    return shaded


def _error(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("codec", ["mpeg4", "vp9"])
def test_frames_after_the_one_that_is_shown_change_nothing_without_b_frames(
    image: Image, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    coding = Coding(codec=codec, motion=MOVING)
    cut = video_frame(image, coding)
    monkeypatch.setattr(codecs, "_LOOKS_AHEAD", frozenset(CODECS))
    np.testing.assert_array_equal(cut, video_frame(image, coding))


def test_a_frame_moved_in_its_planes_is_the_image_moved() -> None:
    shades = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.float32)
    even = cv2.GaussianBlur(cv2.resize(shades, (140, 120)), (0, 0), 5).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p")
    motion = Motion(frames=3, at=0, drift=(0.03, 0.02), turn=4.0, growth=0.02)
    moved = codecs._moved(frame.to_ndarray(), motion, 2).to_ndarray(format="rgb24")
    matrix = cv2.getRotationMatrix2D((70, 60), 8.0, 1.02**2)
    matrix[:, 2] += np.multiply((0.03, 0.02), 140 * 2)
    expected = cv2.warpAffine(even, matrix, (140, 120), borderMode=cv2.BORDER_REFLECT_101)
    inner = (slice(25, -25), slice(25, -25))
    assert _error(moved[inner], expected[inner]) < 2.5
    assert _error(even[inner], expected[inner]) > 10


@pytest.mark.parametrize("motion", [None, MOVING])
@pytest.mark.parametrize("codec", CODECS)
def test_a_stronger_codec_loses_more_of_an_image(
    image: Image, codec: Codec, motion: Motion | None
) -> None:
    coding = Coding(codec=codec, motion=motion, preset="ultrafast" if codec == "hevc" else "fast")
    errors = [
        _error(video_frame(image, replace(coding, strength=strength)), image)
        for strength in (0.0, 0.5, 1.0)
    ]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 8
    coded = video_frame(image, coding)
    assert coded.shape == image.shape
    np.testing.assert_array_equal(coded, video_frame(image, coding))


def test_the_frame_that_is_shown_is_the_image_and_not_a_moved_one(image: Image) -> None:
    coded = video_frame(image, Coding(strength=0.3, motion=MOVING))
    grey, other = (
        cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (image, coded)
    )
    (dx, dy), _ = cv2.phaseCorrelate(grey, other, cv2.createHanningWindow(grey.shape[::-1], 5))
    assert max(abs(dx), abs(dy)) < 0.15  # a frame on, it has moved by a pixel


def test_frames_coded_after_others_are_no_key_frames(image: Image) -> None:
    lone = video_frame(image, Coding(strength=0.7))
    among = video_frame(image, Coding(strength=0.7, motion=MOVING))
    assert _error(lone, among) > 0.5


def test_the_grid_of_blocks_lies_where_the_offset_says(image: Image) -> None:
    """An offset of whole blocks leaves interior blocks what they were; half a block does not."""
    coding = Coding(codec="mpeg4", strength=1.0)
    plain = video_frame(image, coding)
    inner = (slice(32, 112), slice(32, 112))
    whole = video_frame(image, replace(coding, offset=(16, 16)))
    half = video_frame(image, replace(coding, offset=(8, 3)))
    assert _error(whole[inner], plain[inner]) < 0.5 * _error(half[inner], plain[inner])


def test_h264_has_its_in_loop_filter_on(image: Image) -> None:
    """Edges at block borders stay as small as within blocks; without the filter they stand out."""
    flat = cv2.GaussianBlur(image, (0, 0), 3)
    coded = video_frame(flat, Coding(strength=1.0, preset="superfast")).astype(float)
    unfiltered = video_frame(flat, Coding(strength=1.0, preset="ultrafast")).astype(float)

    def blockiness(seen: NDArray[np.float64]) -> float:
        steps = np.abs(np.diff(seen.mean(axis=2), axis=1)).mean(axis=0)
        at = np.arange(len(steps)) % 4 == 3
        return float(steps[at].mean() / steps[~at].mean())

    assert blockiness(coded) < 0.8 * blockiness(unfiltered)


def test_every_codec_of_the_recipe_is_in_the_installed_pyav() -> None:
    assert missing_encoders(CODECS) == []
