"""Read image files as uint8 RGB, or report why that is impossible."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from registry.data.image_bytes import DamagedImageError, checked_jpeg, checked_png, plain_jpeg
from registry.data.native_lines import caught_lines
from registry.data.orientation import apply_exif
from registry.data.signatures import HEAD, kind_of
from registry.data.sizes import MOST_PIXELS, check_image_size
from registry.errors import DataError
from registry.files import check_regular, read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_image", "shrink"]

_LONGEST_SIDE = 2048  # larger frames are searched for faces at this size (SBI's inference)
_UNKNOWN = "not an image, or in a format that bench does not read"
_ORIENTATION = 0x0112  # of EXIF
_SILENT, _WARNING = 0, 3  # levels of OpenCV's log
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
# BMP, TIFF, JPEG 2000 (file and bare), PBM to PPM as text and as bytes.
_HEARD: tuple[bytes, ...] = (b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_HEARD += tuple(b"P%d" % number + space for number in range(1, 7) for space in (b"\n", b" ", b"\r"))


def read_image(path: Path, most: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """Read an image as uint8 RGB (H, W, 3), upright as its orientation says.

    Greyscale becomes three equal channels, alpha is dropped, of 16 bits the upper eight are
    kept, and CMYK is converted without a colour profile; of an animation the first frame is
    taken. A DataError says what is wrong with the file, also if a decoder would repair it by
    guessing, or if it has more than `most` pixels.
    """
    data = _read_bytes(path)
    decode = next((found for is_kind, found in _DECODERS if is_kind(data)), None)
    if decode is None:
        video = kind_of(data[:HEAD]) == "video"
        what = "a video whose name lacks a video suffix (.mp4, .mkv)" if video else _UNKNOWN
        raise DataError(f"cannot decode {path}: {what}")
    check_image_size(data, path, most)
    try:
        return decode(data)
    except DamagedImageError as error:
        raise DataError(f"cannot decode {path}: {error}") from None


def shrink(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Shrink an image to a longest side of at most 2048; return it with old over new pixels."""
    import cv2

    scale = max(image.shape[:2]) / _LONGEST_SIDE
    if scale <= 1:
        return np.ascontiguousarray(image), 1.0
    size = (max(1, round(image.shape[1] / scale)), max(1, round(image.shape[0] / scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def _read_bytes(path: Path) -> bytes:
    check_regular(path, "image")
    try:
        data = read_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from None
    if not data:
        raise DataError(f"{path} is an empty file")
    return data


# --- decoders ---------------------------------------------------------------------------------


def _opencv(data: bytes) -> NDArray[np.uint8]:
    """Decode with OpenCV and apply EXIF's orientation; a DamagedImageError if it fails."""
    _set_log_level(_SILENT)  # it knows of no file
    image = _decoded(data)
    if image is None:
        raise DamagedImageError("the image is truncated or damaged")
    return image


def _set_log_level(level: int) -> None:
    import cv2

    getattr(cv2.utils, "logging", cv2).setLogLevel(level)  # in `cv2` itself before OpenCV 5


def _opencv_heard(data: bytes) -> NDArray[np.uint8]:
    """Decode with a library below OpenCV that continues after damage and only reports it."""
    with caught_lines(_is_of_library) as lines:
        _set_log_level(_WARNING)
        try:
            image = _decoded(data)
        finally:
            _set_log_level(_SILENT)
    if any(" samples" in line for line in lines):
        raise DamagedImageError(
            "its pixels are floating-point or 32-bit numbers; save it with 8 bits"
        )
    wrong = [found[1] for line in lines if (found := _DAMAGE.search(line))]
    if image is None or wrong:
        reason = f" ({wrong[0]})" if wrong else ""
        raise DamagedImageError(f"the image is truncated or damaged{reason}")
    return image


def _decoded(data: bytes) -> NDArray[np.uint8] | None:
    import cv2

    try:
        # IMREAD_COLOR converts CMYK, depth, greyscale and orientation; IMREAD_UNCHANGED would not.
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise DamagedImageError(error.err) from None
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _is_of_library(line: str) -> bool:
    return _LIBRARIES.search(line) is not None


def _jpeg(data: bytes) -> NDArray[np.uint8]:
    image = plain_jpeg(data)
    return _opencv(checked_jpeg(data)) if image is None else image


def _png(data: bytes) -> NDArray[np.uint8]:
    return _opencv(checked_png(data))


def _webp(data: bytes) -> NDArray[np.uint8]:
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise DamagedImageError("the image is truncated")
    return _opencv(data)


def _avif(data: bytes) -> NDArray[np.uint8]:
    """Decode AVIF: OpenCV rejects damaged files, Pillow knows the orientation."""
    from PIL import Image

    image = _opencv(data)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return apply_exif(image, opened.getexif().get(_ORIENTATION))
    except (*_PILLOW_ERRORS, Image.DecompressionBombError) as error:
        raise DamagedImageError(f"the image is damaged ({_first_words(error)})") from None


def _heif(data: bytes) -> NDArray[np.uint8]:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise DamagedImageError(
            "HEIC needs the package pillow-heif: pip install 'lesb-plugin[heic]'"
        ) from None
    register_heif_opener()
    return _pillow(data)


def _pillow(data: bytes) -> NDArray[np.uint8]:
    """Decode the first frame with Pillow."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (*_PILLOW_ERRORS, Image.DecompressionBombError) as error:
        raise DamagedImageError(
            f"the image is truncated or damaged ({_first_words(error)})"
        ) from None


def _first_words(error: Exception) -> str:
    """Return an error's words without the memory address of an object, which differs in each
    run.
    """
    return _OBJECT.sub("", str(error))


_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)
_OBJECT = re.compile(r" ?<[^<>]* object at 0x[0-9a-f]+>")
_LIBRARIES = re.compile("tiff|jpeg|jfif|adobe|imdecode_", re.IGNORECASE)
# What is said after such words is damage, whatever picture comes of it; of tags it is none.
_DAMAGE = re.compile(
    r"(?:TIFF_Error (?!_TIFFVSetField|TIFFFetchNormalTag)"
    r"|errorLogCallback OpenJPEG2000: |(?=Corrupt JPEG))(.*)"
)
Decoder: TypeAlias = Callable[[bytes], "NDArray[np.uint8]"]
_DECODERS: tuple[tuple[Callable[[bytes], bool], Decoder], ...] = (
    (lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda data: data.startswith(b"\x89PNG"), _png),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
    (lambda data: data.startswith(b"GIF8"), _pillow),
    (lambda data: data[4:12] in {b"ftypavif", b"ftypavis"}, _avif),
    (lambda data: data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS, _heif),
    (lambda data: data.startswith(_HEARD), _opencv_heard),
)
