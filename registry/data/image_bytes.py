"""Find encoded images that decode although they are damaged, before they are decoded.

Decoders make up what is missing, and say so on standard error at most.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from registry.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DamagedImageError", "checked_jpeg", "checked_png", "plain_jpeg"]

_SCAN, _FILL, _END = 0xDA, 0xFF, b"\xff\xd9"
_PADDED_END = re.compile(rb"\x00+\xff\xd9")
# libjpeg's warnings about the style of a header; every other one is about the picture.
_STYLE = ("Unknown Adobe color", "Warning: unknown JFIF", "Invalid SOS parameters")
_AT_END = re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker 0xd9")
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_EXIF = b"Exif\0"
_USUAL = frozenset({"YCbCr", "Gray"})  # colour spaces that every decoder converts alike
_EXIF_STARTS = (b"II*\0", b"MM\0*")


class DamagedImageError(DataError):
    """What is wrong with the bytes of an image, without the file's name."""


def plain_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    """Decode a JPEG that needs no repair or EXIF, in usual colours, as RGB (H, W, 3); else None.

    One pass gives the pixels, which are those of OpenCV, and says whether there was a warning.
    """
    import simplejpeg

    start = _scan_start(data)
    if data.find(_EXIF, 0, start) >= 0 or data.find(_END, start) < 0:
        return None
    try:
        _, _, coded_as, _ = simplejpeg.decode_jpeg_header(data)
        if coded_as not in _USUAL:
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True), np.uint8)
    except ValueError:
        return None


def checked_jpeg(data: bytes) -> bytes:
    """Return the JPEG in a form that decodes without a warning; a DamagedImageError if
    impossible.

    A missing end marker is added, zeros before it are removed, and meaningless values in the
    header become the usual ones: such images are complete.
    """
    ended = data.find(_END, _scan_start(data)) >= 0
    whole = data if ended else data + _END
    warning = _warning(whole)
    if warning.startswith(_STYLE):
        whole = _with_plain_header(whole)
        warning = _warning(whole)
    if _AT_END.match(warning):
        start = _scan_start(whole)
        whole = whole[:start] + _PADDED_END.sub(_END, whole[start:], count=1)
        warning = _warning(whole)
    if not warning:
        return whole
    if not ended:
        raise DamagedImageError("the JPEG is truncated")
    # Without its numbers: equal reasons are counted.
    reason = re.sub(r"\d+ ", "", warning.removeprefix("Corrupt JPEG data: "))
    raise DamagedImageError(f"the JPEG is damaged ({reason})")


def checked_png(data: bytes) -> bytes:
    """Return the PNG with the chunks that its pixels need; a DamagedImageError for a wrong
    checksum.

    Other chunks (colour profiles, texts, times) are left out: pixels do not depend on them, and the
    library warns of many. One that only lacks its end chunk gets it.
    """
    chunks = [_PNG_START]
    for kind, chunk in _chunks(data):
        critical = kind[0] & 0x20 == 0
        if critical and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise DamagedImageError("the PNG is damaged (a checksum does not match)")
        exif = kind == b"eXIf" and chunk[8:12] in _EXIF_STARTS
        if critical or kind == b"tRNS" or exif:
            chunks.append(chunk)
        if kind == b"IEND":
            return b"".join(chunks)
    return b"".join([*chunks, _PNG_END])


def _warning(data: bytes) -> str:
    """Return the first warning or error of libjpeg; empty if there is none."""
    import simplejpeg

    try:
        # An eighth of the size: every coefficient is read all the same.
        simplejpeg.decode_jpeg(data, colorspace="GRAY", fastdct=True, min_factor=8, strict=True)
    except ValueError as error:
        return str(error)
    return ""


def _scan_start(data: bytes) -> int:
    """Find where the first scan begins: a thumbnail in the header has an end marker of its own."""
    at = 2
    for at, _ in _segments(data):  # noqa: B007 - the last one is asked for
        pass
    return at


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield position and marker of each header segment, up to the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == _FILL:
        marker = data[at + 1]
        if marker != _FILL:
            yield at, marker
        if marker == _SCAN:
            return
        at += 1 if marker == _FILL else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    yield at, 0


def _with_plain_header(data: bytes) -> bytes:
    """Return the JPEG with the usual version, colour transform and spectral range, which say
    nothing.
    """
    changed = bytearray(data)
    for at, marker in _segments(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 4 : at + 9] == b"JFIF\0":
            changed[at + 9] = 1
        elif data[at + 4 : at + 9] == b"Adobe" and length >= 14 and data[at + 15] > 2:
            changed[at + 15] = 1
        elif marker == _SCAN:
            changed[at + length - 1 : at + length + 2] = b"\0\x3f\0"
    return bytes(changed)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind of each chunk, and all its bytes: length, kind, content and checksum."""
    at = len(_PNG_START)
    while at < len(data):
        if at + 12 > len(data):
            raise DamagedImageError("the PNG is truncated")
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if end > len(data):
            raise DamagedImageError("the PNG is truncated")
        yield kind, data[at:end]
        at = end
