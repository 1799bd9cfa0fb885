"""What files say of themselves, beside what Pillow and libx264 were told to write."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from registry.data.file_facts import file_facts
from tests.shared.drawn_files import film, portrait


@pytest.mark.parametrize("quality", [30, 50, 75, 88, 95])
def test_the_quality_of_a_jpeg_is_the_one_that_it_was_written_with(
    quality: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(portrait()).save(path, quality=quality)
    facts = file_facts(path)
    assert facts["JPEG quality"] == f"about {quality}"
    assert facts["picture size"] == "180 x 200 pixels"
    assert facts["format"] == "JPEG"
    assert facts["date (EXIF)"] == facts["camera (EXIF)"] == "none"
    assert facts["Content Credentials (C2PA)"] == "none found"


def test_date_and_camera_are_those_of_the_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "Maker", "Model 7", "2024:01:02 03:04:05"
    exif.get_ifd(34665)[36867] = "2020:05:06 07:08:09"
    Image.fromarray(portrait()).save(tmp_path / "a.jpg", exif=exif)
    facts = file_facts(tmp_path / "a.jpg")
    assert facts["camera (EXIF)"] == "Maker Model 7"
    assert facts["date (EXIF)"] == "2020:05:06 07:08:09"


def test_a_manifest_of_c2pa_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(portrait()).save(path)
    path.write_bytes(path.read_bytes() + b"jumb....c2pa")
    assert file_facts(path)["Content Credentials (C2PA)"] == "present, not checked"


def test_a_film_tells_its_codec_and_length(tmp_path: Path) -> None:
    facts = file_facts(film(tmp_path / "a.mp4", [portrait(n) for n in range(10)]))
    assert "264" in facts["codec"]
    assert facts["length"] == "0.4 s"
    assert facts["frame rate"] == "25 frames/s"
    assert "JPEG quality" not in facts


def test_what_is_no_picture_has_a_size_and_nothing_made_up(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(np.zeros(300, np.uint8).tobytes())
    assert set(file_facts(path)) == {"file size", "Content Credentials (C2PA)"}
    assert file_facts(tmp_path / "gone.jpg") == {}


@pytest.mark.parametrize("name", ["pipe.png", "pipe.mp4"])
def test_a_pipe_says_nothing_and_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    assert file_facts(tmp_path / name) == {}
