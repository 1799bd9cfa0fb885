"""Small files that stand for gigabytes of pixels are refused by their headers."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from registry.data.images import read_image
from registry.data.sizes import check_size
from registry.data.videos import VideoCursor
from registry.errors import DataError
from registry.settings.shared import FaceSettings


def png(width: int, height: int) -> bytes:
    """A PNG of zeros, of rows that compress to next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    packer = zlib.compressobj(9)
    rows = packer.compress(bytes(1 + 3 * width) * min(height, 100)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_an_image_of_a_billion_pixels_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(40_000, 40_000))
    assert path.stat().st_size < 100_000
    code = (
        "import sys; from pathlib import Path; from registry.data.images import read_image\n"
        "from registry.errors import DataError\n"
        "try:\n    read_image(Path(sys.argv[1]))\n"
        "except DataError as error:\n    print(error)\n"
    )
    most = 3 << 30  # bytes of addresses, of which libraries take some

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True, text=True, preexec_fn=limited, timeout=30, check=True,
    )  # fmt: skip
    assert "40000x40000 pixels, more than the limit of 100,000,000" in done.stdout
    assert "--max-pixels 1600000000" in done.stdout


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_the_limit_is_told_with_what_raises_it_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.full((20, 30, 3), 90, np.uint8))
    assert read_image(path, 600).shape == (20, 30, 3)
    with pytest.raises(DataError, match=r"more than the limit of 599; .*--max-pixels 600"):
        read_image(path, 599)


def test_a_video_of_more_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert VideoCursor(64 * 48).read(path, 0).shape == (48, 64, 3)
    with pytest.raises(DataError, match=r"64x48 pixels, .*--max-pixels 3072"):
        VideoCursor(64 * 48 - 1).read(path, 0)


def test_the_flag_has_the_limit_that_reading_has() -> None:
    most = FaceSettings().max_pixels
    check_size(most, 1, Path("a"), most)
    with pytest.raises(DataError):
        check_size(most + 1, 1, Path("a"), most)
    from registry.data.sizes import MOST_PIXELS

    assert most == MOST_PIXELS
