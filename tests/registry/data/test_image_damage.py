"""What a decoder would mend by guessing is refused; what only looks odd is read."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from registry.data.images import read_image
from registry.data.native_lines import caught_lines
from registry.errors import DataError


def photograph(seed: int = 0) -> Image.Image:
    """384 x 384 pixels with edges and noise, so that each byte of a file matters."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 255, (24, 24, 3)), np.ones((16, 16, 1)))
    return Image.fromarray(np.clip(blocks + rng.normal(0, 12, blocks.shape), 0, 255).astype("u1"))


def smooth() -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC))


def stored(kind: str, seed: int = 0, **options: Any) -> bytes:
    buffer = io.BytesIO()
    photograph(seed).save(buffer, kind, **options)
    return buffer.getvalue()


def lost_sector(data: bytes, share: float) -> bytes:
    """The file with 512 bytes of zeros, as a broken copy has it."""
    at = int(len(data) * share) // 512 * 512
    return data[:at] + bytes(512) + data[at + 512 :]


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    try:
        read_image(path)
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("progressive", [False, True])
def test_no_jpeg_with_a_lost_sector_is_read_as_another_picture(
    tmp_path: Path, progressive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    path, refused = tmp_path / "a.jpg", 0
    for seed in range(4):
        data = stored("JPEG", seed, quality=92, progressive=progressive)
        path.write_bytes(data)
        whole = read_image(path)
        for share in np.linspace(0.2, 0.95, 10):
            if reason := refusal(path, lost_sector(data, share)):
                refused += "a.jpg: the JPEG is damaged (" in reason
            else:  # in a refining scan it is a matter of the last bits
                assert np.abs(read_image(path).astype(int) - whole).mean() < 0.5
    assert refused >= (25 if progressive else 39)
    assert capfd.readouterr().err == ""


def test_a_jpeg_that_only_lacks_its_end_marker_is_whole(tmp_path: Path) -> None:
    data = stored("JPEG")
    (tmp_path / "whole.jpg").write_bytes(data)
    expected = read_image(tmp_path / "whole.jpg")
    for tail in (b"", bytes(300)):
        (tmp_path / "a.jpg").write_bytes(data.removesuffix(b"\xff\xd9") + tail)
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected)


@pytest.mark.parametrize("tail", [b"", b"\xff\xd9", bytes(600) + b"\xff\xd9"])
def test_a_jpeg_that_lacks_more_than_that_is_not(tmp_path: Path, tail: bytes) -> None:
    data = stored("JPEG")
    assert "the JPEG is" in refusal(tmp_path / "a.jpg", data[: len(data) - 40] + tail)


def test_zeros_before_the_end_marker_are_padding(tmp_path: Path) -> None:
    data = stored("JPEG")
    padded = data.removesuffix(b"\xff\xd9") + bytes(9) + b"\xff\xd9"
    assert refusal(tmp_path / "a.jpg", padded) == ""


def test_an_odd_header_is_no_damage_and_hides_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = stored("JPEG")
    at = data.index(b"JFIF\0") + 5
    odd = data[:at] + b"\x09" + data[at + 1 :]  # version 9
    assert refusal(tmp_path / "a.jpg", odd) == ""
    assert "damaged" in refusal(tmp_path / "a.jpg", lost_sector(odd, 0.5))
    assert capfd.readouterr().err == ""


def test_a_checksum_of_a_png_is_believed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = stored("PNG")
    reason = refusal(tmp_path / "a.png", lost_sector(data, 0.5))
    assert reason.endswith("a.png: the PNG is damaged (a checksum does not match)")
    assert "truncated" in refusal(tmp_path / "a.png", data[:-500])
    assert refusal(tmp_path / "a.png", data[:-12]) == ""  # without its end chunk
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "chunk",
    [(b"iCCP", b"\0"), (b"tIME", bytes(7)), (b"eXIf", b"junk"), (b"pHYs", bytes(3))],
    ids=["profile", "time", "exif", "size"],
)
def test_what_a_png_says_beside_its_picture_is_not_read(
    tmp_path: Path, chunk: tuple[bytes, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    """The library warns of it on standard error, and does not say of which file."""
    data, (kind, content) = stored("PNG"), chunk
    at = data.index(b"IDAT") - 4
    body = kind + content
    made = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:at] + made + data[at:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(photograph()))
    assert capfd.readouterr().err == ""


def test_a_tiff_that_decodes_with_an_error_is_refused_with_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = stored("TIFF", compression="tiff_lzw")
    assert refusal(tmp_path / "a.tif", data) == ""
    for share in (0.3, 0.5, 0.7):
        reason = refusal(tmp_path / "a.tif", lost_sector(data, share))
        assert "a.tif: the image is truncated or damaged (" in reason
        assert "code" in reason or "LZWDecode" in reason
    assert capfd.readouterr().err == ""


def test_floating_point_pixels_are_no_damage(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="floating-point or 32-bit numbers"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["webp", "avif", "gif", "bmp", "ppm", "jp2"])
def test_nothing_is_made_up_for_what_is_cut_off(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = stored({"jp2": "JPEG2000"}.get(suffix, suffix.upper()))
    assert refusal(tmp_path / f"a.{suffix}", data) == ""
    assert "truncated" in refusal(tmp_path / f"a.{suffix}", data[: len(data) * 2 // 3])
    assert capfd.readouterr().err == ""


def test_each_thread_hears_of_its_own_file(tmp_path: Path) -> None:
    whole = stored("TIFF", compression="tiff_lzw")
    for at in range(24):
        data = lost_sector(whole, 0.5) if at % 3 == 0 else whole
        (tmp_path / f"{at}.tif").write_bytes(data)

    def fails(at: int) -> bool:
        try:
            read_image(tmp_path / f"{at}.tif")
        except DataError:
            return True
        return False

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fails, range(24))) == [at % 3 == 0 for at in range(24)]


# --- other kinds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "kind", "most"),
    [("ppm", "PPM", 0), ("gif", "GIF", 12), ("jp2", "JPEG2000", 0), ("jfif", "JPEG", 6)],
)
def test_other_kinds_of_pictures_are_read(
    tmp_path: Path, suffix: str, kind: str, most: int
) -> None:
    image = smooth()
    image.save(tmp_path / f"a.{suffix}", format=kind)
    off = np.abs(read_image(tmp_path / f"a.{suffix}").astype(int) - np.asarray(image))
    assert off.mean() <= most


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def test_heic_is_read_with_its_package_and_asks_for_it_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(smooth()).save(tmp_path / "a.heic", quality=95)
    off = np.abs(read_image(tmp_path / "a.heic").astype(int) - np.asarray(smooth()))
    assert off.mean() < 8
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match=r"pip install 'lesb-plugin\[heic\]'"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
def test_what_has_no_end_is_not_read(tmp_path: Path, target: str) -> None:
    path = tmp_path / "a.png"
    if target == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    with pytest.raises(DataError, match=r"a\.png is not a file but a device, a pipe or a socket"):
        read_image(path)


# --- lines of C libraries ---------------------------------------------------------------------


def test_lines_are_caught_and_others_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with caught_lines(lambda line: "libx" in line) as lines:
        os.write(2, b"libx: broken\nsomebody else\n")
    assert lines == ["libx: broken"]
    assert capfd.readouterr().err == "somebody else\n"
    os.write(2, b"libx: after\n")
    assert capfd.readouterr().err == "libx: after\n"
