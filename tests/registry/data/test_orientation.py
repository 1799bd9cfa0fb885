"""Orientations are one of eight, wherever a format keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from registry.data.images import read_image
from registry.data.orientation import apply_display_matrix
from registry.data.videos import VideoCursor
from tests.shared.films import COLUMNS, ROWS, encoded, picture, with_matrix

ONE = 1 << 16
# As EXIF defines them: where the stored top row and left column are to be seen.
TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


def smooth() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("suffix", ["webp", "tiff", "avif", "jfif", "mpo"])
@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9, 300])
def test_images_stand_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    path, stored = tmp_path / f"a.{suffix}", smooth()
    exif = Image.Exif()
    exif[0x0112] = orientation
    format_name = {"jfif": "JPEG"}.get(suffix)
    Image.fromarray(stored).save(path, format=format_name, exif=exif, quality=95)
    image, expected = read_image(path), TURNS.get(orientation, TURNS[1])(stored)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 6


def by_pixels(image: NDArray[np.uint8], matrix: Sequence[int]) -> NDArray[np.uint8]:
    """Each stored pixel moved as the matrix has it: (x, y) to (a x + c y, b x + d y)."""
    a, b, _, c, d = np.sign(matrix[:5])
    rows, columns = np.indices(image.shape[:2])
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = image
    return shown


EIGHT = [(a, b, c, d) for a, d in ((1, 1), (1, -1), (-1, 1), (-1, -1)) for b, c in ((0, 0),)]
EIGHT += [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]


@pytest.mark.parametrize("entries", EIGHT)
def test_films_stand_upright(tmp_path: Path, entries: tuple[int, int, int, int]) -> None:
    a, b, c, d = (ONE * entry for entry in entries)
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = with_matrix(encoded(tmp_path / "plain.mp4", 2), tmp_path / "a.mp4", matrix)
    image, expected = VideoCursor().read(path, 0), by_pixels(picture(), matrix)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= 2
    assert len({by_pixels(picture(), [ONE * e for e in (x[0], x[1], 0, x[2], x[3])]).tobytes()
                for x in EIGHT}) == 8  # fmt: skip


@pytest.mark.parametrize("matrix", [(0,) * 9, (ONE, 0, 0, 0, 0, 0, 0, 0, 1 << 30)])
def test_a_matrix_that_is_no_turn_changes_nothing(tmp_path: Path, matrix: Sequence[int]) -> None:
    path = with_matrix(encoded(tmp_path / "plain.mp4", 2), tmp_path / "a.mp4", matrix)
    image = VideoCursor().read(path, 0)
    assert image.shape == (ROWS, COLUMNS, 3)
    assert np.abs(image.astype(int) - picture()).max() <= 2


def test_a_slant_takes_the_nearest_quarter() -> None:
    angle = np.deg2rad(80)
    a, b = round(ONE * np.cos(angle)), round(ONE * np.sin(angle))
    slanted = np.array([a, b, 0, -b, a, 0, 0, 0, 1 << 30], np.int32).tobytes()
    quarter = np.array([0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30], np.int32).tobytes()
    image = picture()
    expected = apply_display_matrix(image, quarter)
    np.testing.assert_array_equal(apply_display_matrix(image, slanted), expected)
    assert expected.shape == (COLUMNS, ROWS, 3)


def test_bytes_that_are_no_matrix_change_nothing() -> None:
    np.testing.assert_array_equal(apply_display_matrix(picture(), bytes(8)), picture())
