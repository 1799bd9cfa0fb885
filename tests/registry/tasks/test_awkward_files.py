"""Files as they come: which are scored, which are rows with a reason; check knew before."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registry import evaluate
from registry.builtin.commands.data_check import check_data
from registry.builtin.commands.data_options import CheckConfig
from registry.plugins.discovery import load_plugins
from registry.results.predictions import read_predictions
from tests.shared.films import encoded, trimmed

KINDS = {
    "avif": "AVIF", "bmp": "BMP", "gif": "GIF", "jp2": "JPEG2000", "jpg": "JPEG", "png": "PNG",
    "ppm": "PPM", "tif": "TIFF", "webp": "WEBP",
}  # fmt: skip


def stored(kind: str, mode: str = "RGB", **settings: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (96, 80, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(stream, kind, **settings)
    return stream.getvalue()


def good(folder: Path) -> dict[str, bytes]:
    jpeg, whole = stored("JPEG"), encoded(folder / "film.mp4", 12).read_bytes()
    matroska = encoded(folder / "film.mkv", 12).read_bytes()
    orientation = Image.Exif()
    orientation[0x112] = 99
    return {
        "jpeg_in.png": jpeg, "png_in.jpg": stored("PNG"), "tail.jpg": jpeg + b"x" * 5000,
        "two.jpg": jpeg + jpeg, "exif.jpg": stored("JPEG", exif=orientation),
        "cmyk.jpg": stored("JPEG", "CMYK"), "bilevel.png": stored("PNG", "1"),
        "palette.png": stored("PNG", "P"), "alpha.png": stored("PNG", "LA"),
        "deep.png": stored("PNG", "I;16"), "=cmd.png": jpeg, "-dash.png": jpeg, 'a,b"c.png': jpeg,
        "\u4eba.png": jpeg, "\x1b[31m.png": jpeg, "mp4_in.mkv": whole, "mkv_in.mp4": matroska,
        "free.mp4": whole + b"\0\0\0\x08free" * 3,
    }  # fmt: skip


def bad(folder: Path) -> dict[str, bytes]:
    whole = (folder / "film.mp4").read_bytes()
    trimmed(folder / "film.mp4", folder / "past.mp4", 400, 10)
    trimmed(folder / "film.mp4", folder / "none.mp4", 5, 0)
    cut = {f"cut.{end}": stored(kind)[: len(stored(kind)) // 2] for end, kind in KINDS.items()}
    return cut | {
        "page.jpg": b"<html>404</html>", "zip.png": b"PK\3\4" + bytes(99), "a.pdf.jpg": b"%PDF-1.4",
        "start.jpg": b"\xff\xd8\xff", "riff.webp": b"RIFF\4\0\0\0WEBP", "empty.mp4": b"",
        "head.avif": b"\0\0\0\x1cftypavif" + bytes(16), "float.tif": stored("TIFF", "F"),
        "head.mp4": whole[:32], "no_index.mp4": whole[: whole.index(b"moov") - 4],
        "cut.mp4": whole[:-300], "no_times.mp4": whole.replace(b"stts", b"sttx"),
        "sound.avi": b"RIFF$\0\0\0WAVEfmt " + bytes(28),
        "past.mp4": (folder / "past.mp4").read_bytes(),
        "none.mp4": (folder / "none.mp4").read_bytes(),
    }  # fmt: skip


def test_each_is_scored_or_a_row_with_its_reason_and_check_agrees(tmp_path: Path) -> None:
    data, films = tmp_path / "data", tmp_path / "films"
    for folder in (data, films):
        folder.mkdir()
    whole, broken = good(films), bad(films)
    for name, content in (whole | broken).items():
        (data / name).write_bytes(content)
    rows = [[name, str(at % 2), f"v{at}"] for at, name in enumerate([*whole, *broken])]
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label", "video"], *rows])
    evaluate(
        detector="random", dataset=(str(data),), out=str(tmp_path / "run"), draws=0, frames=2,
        metrics=("auc",), reporters=(), max_errors=100, quiet=True, workers=1, crop_from="frame",
    )  # fmt: skip
    found = read_predictions(tmp_path / "run")[0].to_pylist()
    failed = {Path(row["path"]).name: row["status"] for row in found if row["status"] != "ok"}
    assert set(failed) == set(broken)
    assert all(len(reason) > 15 and "object at 0x" not in reason for reason in failed.values())
    report = check_data(str(data), CheckConfig(quiet=True, workers=1, frames=2), load_plugins())
    assert len([*report.missing, *report.empty, *report.unreadable]) == len(broken)


@pytest.mark.parametrize("name", ["labels.csv", "labels"])
def test_a_pipe_is_no_table(tmp_path: Path, name: str) -> None:
    import os

    from registry import DataError
    from registry.builtin.prepare.inputs import _read_labels

    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="a device, a pipe or a socket"):
        _read_labels(tmp_path / name)
