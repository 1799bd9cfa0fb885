"""Pillow is the reference for everything a file can be."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from registry.data.image_bytes import plain_jpeg
from registry.data.images import read_image, shrink
from registry.errors import DataError

ROWS, COLUMNS = 48, 64


@pytest.fixture
def picture() -> Image.Image:
    """Smooth colours, so that lossy formats stay close."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC))


def save(path: Path, image: Image.Image, **options: object) -> NDArray[np.uint8]:
    """Write the file; what Pillow reads back from it, upright and as RGB."""
    image.save(path, **options)
    with Image.open(path) as stored:
        return np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))


def levels_apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp"])
def test_colours_agree_with_pillow(tmp_path: Path, picture: Image.Image, suffix: str) -> None:
    expected = save(tmp_path / f"a.{suffix}", picture)
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.dtype == np.uint8
    assert image.shape == (ROWS, COLUMNS, 3)
    assert levels_apart(image, expected) <= 1


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("L", "jpg"), ("LA", "png"), ("RGBA", "png"), ("P", "png"), ("1", "png")],
)
def test_greyscale_alpha_and_palette_become_rgb(
    tmp_path: Path, picture: Image.Image, mode: str, suffix: str
) -> None:
    converted = picture.convert(mode)
    if mode.endswith("A"):
        alpha = np.random.default_rng(1).integers(0, 256, (ROWS, COLUMNS), dtype=np.uint8)
        converted.putalpha(Image.fromarray(alpha))
    expected = save(tmp_path / f"a.{suffix}", converted)
    assert levels_apart(read_image(tmp_path / f"a.{suffix}"), expected) == 0


def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path) -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (ROWS, COLUMNS, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "colour.png"), deep[..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), deep[..., 0])
    upper = (deep >> 8).astype(np.uint8)
    assert levels_apart(read_image(tmp_path / "colour.png"), upper) == 0
    grey = np.repeat(upper[..., :1], 3, axis=2)
    assert levels_apart(read_image(tmp_path / "grey.png"), grey) == 0


def test_cmyk_jpeg_is_neither_inverted_nor_refused(tmp_path: Path, picture: Image.Image) -> None:
    expected = save(tmp_path / "a.jpg", picture.convert("CMYK"), quality=98)
    assert levels_apart(read_image(tmp_path / "a.jpg"), expected) <= 2


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_image_upright(
    tmp_path: Path, picture: Image.Image, orientation: int, suffix: str
) -> None:
    exif = picture.getexif()
    exif[0x0112] = orientation
    expected = save(tmp_path / f"a.{suffix}", picture, exif=exif)
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.shape == expected.shape
    assert levels_apart(image, expected) <= 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no image file .*nowhere\.png"):
        read_image(tmp_path / "nowhere.png")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_image(tmp_path)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match="empty file"):
        read_image(tmp_path / "a.png")


def test_text_is_said_to_be_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>404</html>", encoding="utf-8")
    with pytest.raises(DataError, match="not an image"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_truncated_image_is_refused(
    tmp_path: Path, picture: Image.Image, suffix: str, kept: float
) -> None:
    path = tmp_path / f"a.{suffix}"
    save(path, picture)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataError, match="truncated"):
        read_image(path)


def test_a_jpeg_whose_end_was_never_written_is_refused(
    tmp_path: Path, picture: Image.Image
) -> None:
    """Decoders fill the missing half with grey; a thumbnail's end marker must not fool us."""
    thumbnail = io.BytesIO()
    picture.resize((16, 12)).save(thumbnail, "JPEG")
    path = tmp_path / "a.jpg"
    save(path, picture, comment=thumbnail.getvalue())
    data = path.read_bytes()
    assert read_image(path).shape == (ROWS, COLUMNS, 3)
    half = len(data) - (len(data) - data.rfind(b"\xff\xda")) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    with pytest.raises(DataError, match="truncated"):
        read_image(path)


def test_an_image_too_large_to_decode_is_refused(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "a.bmp"
    save(path, picture)
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 2**20, 2**20)  # width and height
    path.write_bytes(data)
    with pytest.raises(DataError, match="more than the limit of 100,000,000"):
        read_image(path)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path: Path, picture: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    expected = save(path, picture)
    path.write_bytes(path.read_bytes() + bytes(range(256)))
    assert levels_apart(read_image(path), expected) <= 1


@pytest.mark.parametrize("shape", [(1, 6000), (6000, 1)])
def test_the_thinnest_image_keeps_a_row_when_it_is_shrunk(shape: tuple[int, int]) -> None:
    small, scale = shrink(np.zeros((*shape, 3), np.uint8))
    assert min(small.shape[:2]) == 1
    assert max(small.shape[:2]) == 2048
    assert scale == pytest.approx(6000 / 2048)


def test_a_reason_is_the_same_in_every_run(tmp_path: Path) -> None:
    """Pillow names the object that it was given, and where that lies in memory."""
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF89a" + bytes(20))
    with pytest.raises(DataError, match=r"truncated or damaged \([^<]*\)$"):
        read_image(path)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_that_is_decoded_once_has_the_pixels_of_opencv(
    tmp_path: Path, subsampling: str, progressive: bool, mode: str
) -> None:
    """An odd size, so that the last blocks are not full."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    drawn = Image.fromarray(coarse).resize((131, 97)).convert(mode)
    path = tmp_path / "drawn.jpg"
    drawn.save(path, subsampling=subsampling, progressive=progressive, quality=80)
    assert plain_jpeg(path.read_bytes()) is not None
    expected = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read_image(path), expected)


def test_a_jpeg_with_an_orientation_or_in_cmyk_goes_the_long_way() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for image, how in (
        (Image.new("RGB", (32, 16)), {"exif": exif}),
        (Image.new("CMYK", (32, 16)), {}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **how)
        assert plain_jpeg(buffer.getvalue()) is None
