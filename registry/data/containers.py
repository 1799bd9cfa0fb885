"""Open video files: choose the stream to show, and tell whether the file is complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from registry.data.signatures import HEAD, kind_of
from registry.errors import DataError
from registry.files import check_regular

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["film_of", "is_cut_short", "open_container", "reason_of"]

# What may be a video. Playlists and lists of files, which name other files to be read in their
# place, are not among them, nor are FFmpeg's readers of numbered images.
_FORMATS = (
    "3gp,asf,avi,dv,flv,gxf,h264,hevc,ivf,m4v,matroska,mov,mpeg,mpegts,mpegtsraw,mpegvideo,mxf,nut,"
    "ogg,rm,swf,webm,wtv,yuv4mpegpipe"
)
_A = {"text": "a text file", "image": "an image"}
_PICTURES = frozenset({"bmp", "gif", "jpeg2000", "mjpeg", "png", "tiff", "webp"})
_TS_SYNC = 0x47  # the first byte of a packet
_TS_PACKETS = 8  # that must begin with it
_MOST_STEPS = 100_000  # of a walk over the boxes of a file


def open_container(path: Path) -> InputContainer:
    """Open a file; a DataError says why it is not a video."""
    import av

    check_regular(path, "video")
    try:
        return av.open(
            f"file:{path}",  # or a name with a colon would be taken for an address
            options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"cannot decode {path}: {_why_not_opened(path, error)}") from None


def film_of(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream that players show, set to report damage instead of hiding it.

    Cover pictures and thumbnails do not count. Among several streams one with more than one
    frame comes first, then one marked as default, then the larger one. A DataError if there is
    none, or no decoder for it.
    """
    streams = [each for each in container.streams.video if not _stands_for_file(each)]
    if len(streams) > 1 or (streams and container.streams.audio and _is_picture(streams[0])):
        frames = _packets(path)
        if container.streams.audio:
            streams = [s for s in streams if not (_is_picture(s) and frames[s.index] < 2)]
        streams.sort(key=lambda each: _rank(each, frames[each.index]), reverse=True)
    if not streams:
        only = ", only a cover picture" if container.streams.video else ""
        raise DataError(f"cannot decode {path}: it holds no video stream{only}")
    if streams[0].codec_context is None:
        raise DataError(f"cannot decode {path}: FFmpeg has no decoder for its codec")
    codec = streams[0].codec_context
    codec.thread_count = 1  # files are decoded side by side, and memory stays flat
    codec.options = {"err_detect": "explode"}
    return streams[0]


def is_cut_short(path: Path) -> bool:
    """Say whether the file ends earlier than it declares; unknown for some containers."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF":
            ends = _riff_ends(file)
        elif start[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"}:
            ends = _box_ends(file)
        elif start[:4] == b"\x1a\x45\xdf\xa3":
            ends = _segment_ends(file)
        elif start[:3] == b"FLV":
            ends = _tag_ends(file)
        elif start[:4] == b"OggS":
            ends = _page_ends(file)
        else:
            ends = _transport_ends(file, size)
        return any(end > size for end in ends)


def reason_of(error: Exception) -> str:
    """Return the reason without the name of the file."""
    return str(getattr(error, "strerror", None) or error)


# --- streams ----------------------------------------------------------------------------------


def _stands_for_file(stream: VideoStream) -> bool:
    from av.stream import Disposition

    marks = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return bool(stream.disposition & marks)


def _is_picture(stream: VideoStream) -> bool:
    return stream.codec_context is not None and stream.codec_context.name in _PICTURES


def _packets(path: Path) -> Counter[int]:
    """Count the packets of each video stream."""
    import av

    found: Counter[int] = Counter()
    try:
        with open_container(path) as container:
            for packet in container.demux(container.streams.video):
                found[packet.stream.index] += packet.size > 0
    except (av.error.FFmpegError, OSError):
        return found  # what comes before the damage decides
    return found


def _rank(stream: VideoStream, packets: int) -> tuple[bool, bool, int, int]:
    from av.stream import Disposition

    default = bool(stream.disposition & Disposition.default)
    # A stream of a codec that FFmpeg has no decoder for has no size.
    pixels = 0 if stream.codec_context is None else stream.width * stream.height
    return packets > 1, default, pixels, -stream.index


def _why_not_opened(path: Path, error: Exception) -> str:
    if path.stat().st_size == 0:
        return "it is an empty file"
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD))
    if kind in {"text", "image"}:
        return f"it is {_A[kind]}, not a video"
    return f"not a readable video ({reason_of(error)})"


# --- the ends of containers -------------------------------------------------------------------


def _riff_ends(file: BinaryIO) -> Iterator[int]:
    """Yield the end of each top-level chunk: AVI, in one or several parts."""
    at = 0
    for _ in range(_MOST_STEPS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            return
        length = int.from_bytes(head[4:], "little")
        if length in {0, 0xFFFFFFFF}:  # never filled in: recorded live
            return
        at += 8 + length
        yield at
        at += length % 2


def _box_ends(file: BinaryIO) -> Iterator[int]:
    """Yield the end of each top-level box: MP4, MOV, 3GP, fragmented or not."""
    at = 0
    for _ in range(_MOST_STEPS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8 or not head[4:8].isalnum():
            return
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end, whatever it is
            return
        at += length
        yield at


def _tag_ends(file: BinaryIO) -> Iterator[int]:
    """Yield the end of each tag, with the four bytes after it that repeat its length: FLV."""
    file.seek(5)
    at = int.from_bytes(file.read(4), "big") + 4
    for _ in range(_MOST_STEPS):
        file.seek(at)
        head = file.read(11)
        if not head:
            return
        at += 11 + int.from_bytes(head[1:4], "big") + 4
        yield at


def _page_ends(file: BinaryIO) -> Iterator[int]:
    """Yield the end of each page: Ogg."""
    at = 0
    for _ in range(_MOST_STEPS):
        file.seek(at)
        head = file.read(27)
        if head[:4] != b"OggS":
            return
        count = head[26] if len(head) == 27 else 0
        at += 27 + count + sum(file.read(count))
        yield at


def _transport_ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the end of the last packet of a transport stream, which may begin within a packet.

    Packets have 188 bytes (TS), 192 with a time before them (M2TS) or 204 with a checksum.
    """
    file.seek(0)
    start = file.read(_TS_PACKETS * 204)
    for length, before in ((188, 0), (192, 4), (204, 0)):
        for sync in range(min(length, len(start) // 3)):
            if set(start[sync::length]) == {_TS_SYNC}:
                first = (sync - before) % length
                yield first - (first - size) // length * length


def _segment_ends(file: BinaryIO) -> Iterator[int]:
    """Yield the end of the segment that follows the header: Matroska, WebM."""
    at = 0
    for _ in range(2):
        file.seek(at)
        head = file.read(12)
        id_length = 9 - head[0].bit_length() if head else 9
        if id_length > 4 or len(head) <= id_length:
            return
        size_length = 9 - head[id_length].bit_length()
        coded = int.from_bytes(head[id_length : id_length + size_length], "big")
        bits = 7 * size_length
        length = coded & ((1 << bits) - 1)
        if size_length > 8 or length == (1 << bits) - 1:  # unknown: recorded live
            return
        at += id_length + size_length + length
        yield at
