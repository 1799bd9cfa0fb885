"""Pictures that a program holds become files that hold the same pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from registry.data.in_memory import as_files
from registry.errors import DataError

RNG = np.random.default_rng(0)


def test_pixels_are_kept_exactly_and_names_are_told(tmp_path: Path) -> None:
    rgb = RNG.integers(0, 256, (7, 5, 3), np.uint8)
    grey = RNG.integers(0, 256, (4, 6), np.uint8)
    several = RNG.integers(0, 256, (2, 3, 3, 3), np.uint8)
    pillow = Image.fromarray(rgb).convert("RGBA")
    with as_files([tmp_path / "a.jpg", [rgb, grey], several, pillow, "b.mp4"]) as files:
        assert list(files.values()) == [
            str(tmp_path / "a.jpg"), *(f"image {k}" for k in range(1, 6)), "b.mp4",
        ]  # fmt: skip
        paths = [path for path, name in files.items() if name.startswith("image")]
        read = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
        for found, wanted in zip(read, [rgb, None, *several, rgb], strict=True):
            if wanted is not None:
                np.testing.assert_array_equal(found[..., ::-1], wanted)
        np.testing.assert_array_equal(read[1], grey)
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        3,
    ],
)
def test_what_is_no_image_is_told(image: object) -> None:
    with pytest.raises(DataError, match=r"pixel|image"), as_files([image]):  # type: ignore[list-item]
        pass
