"""Images, videos and tables that are damaged: a value or a BenchError, nothing else.

BENCH_FUZZ=1000 runs as many of each kind, drawn anew; see tests/shared/fuzzed.py.
"""

from __future__ import annotations

import io
import mmap
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lesb_plugin.pseudo_fakes.pairs import load_recipe
from registry.builtin.datasets.deepfakebench.labels import load_labels
from registry.builtin.prepare.inputs import _read_labels
from registry.data.frame_times import find_frames
from registry.data.images import read_image
from registry.data.index import find_index
from registry.data.videos import VideoCursor
from registry.plugins.discovery import load_plugins
from tests.shared.films import encoded, picture
from tests.shared.fuzzed import EDITS, VALUES, WORDS, calmly, damaged, few

pytestmark = pytest.mark.filterwarnings("ignore")  # what libraries remark on damage
IMAGES = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
CODECS = {
    ".mp4": "libx264", ".mkv": "libvpx-vp9", ".avi": "mpeg4", ".ts": "mpeg2video",
    ".webm": "libvpx", ".mov": "mjpeg", ".flv": "flv",
}  # fmt: skip


@cache
def image_file(kind: str) -> bytes:
    stream = io.BytesIO()
    settings = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    Image.fromarray(picture()).save(stream, kind, **settings)
    return stream.getvalue()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    return {
        suffix: encoded(folder / f"a{suffix}", 6, codec).read_bytes()
        for suffix, codec in CODECS.items()
    }


def read_film(path: Path) -> None:
    cursor = VideoCursor()
    try:
        cursor.read(path, min(5, find_frames(path).count - 1))
    finally:
        cursor.close()


@few
@given(kind=st.sampled_from(IMAGES), edits=EDITS, kept=st.floats(0.02, 1) | st.just(1.0))
def test_images(tmp_path: Path, kind: str, edits: list[tuple[float, bytes]], kept: float) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(damaged(image_file(kind), edits, kept))
    calmly(read_image, path)


@few
@given(suffix=st.sampled_from(sorted(CODECS)), edits=EDITS, kept=st.floats(0, 1) | st.just(1.0))
def test_videos(
    tmp_path: Path, films: Any, suffix: str, edits: list[tuple[float, bytes]], kept: float
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(damaged(films[suffix], edits, kept))
    calmly(read_film, path)


CELLS = WORDS | st.sampled_from(
    [
        "path",
        "label",
        "landmarks",
        "frame",
        "video",
        "split",
        "a.png",
        "1",
        "\n",
        '"',
        ",",
        "²",
        "a.mp4",
    ]
)


@few
@given(
    header=st.sampled_from(["path,label", "path,label,frame,video,landmarks,split,method,mask"]),
    rows=st.lists(st.lists(CELLS, max_size=8), max_size=5),
    first=st.sampled_from(["", "\ufeff", "x"]),
    end=st.binary(max_size=3),
)
def test_tables(tmp_path: Path, header: str, rows: list[list[str]], first: str, end: bytes) -> None:
    text = first + "\n".join([header, *map(",".join, rows)])
    for name in ("manifest.csv", "list_real.txt"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "surrogatepass") + end)
        calmly(find_index, str(path), "test", load_plugins())
    calmly(_read_labels, tmp_path / "manifest.csv")


@few
@given(values=VALUES)
def test_files_of_settings(tmp_path: Path, values: Any) -> None:
    import yaml

    path = tmp_path / "a.yaml"
    try:
        path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    except (UnicodeError, yaml.YAMLError):
        return
    calmly(load_recipe, str(path))
    calmly(load_labels, path)


@pytest.mark.slow
def test_what_costs_too_much_fails() -> None:
    def greedy() -> None:
        # Mapped anew: what torch's allocations have left in the heap would be used again.
        with mmap.mmap(-1, 5 << 28) as pages:
            np.frombuffer(pages, np.uint8)[:: mmap.PAGESIZE] = 1

    with pytest.raises(AssertionError, match=r"greedy took 12\d\d MiB"):
        calmly(greedy)
    with pytest.raises(ZeroDivisionError):
        calmly(lambda: 1 / 0)
