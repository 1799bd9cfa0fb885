"""The frames of an open video in display order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.data.containers import film_of, open_container, reason_of
from registry.data.h264_pictures import is_b_picture, starts_anew
from registry.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["decoded", "first_presented", "from_first_key"]

_PATIENCE = 1000  # packets within which a film must have a key frame, or is read from its start


def decoded(container: InputContainer, film: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Yield every displayed frame, in order; raise a DataError at the first damaged one.

    A video may be cut out of a longer one. Frames that depend on what was cut off are stored or
    shown before the first key frame: they are left out, as in players.
    """
    import av

    damaged = f"cannot decode {path} up to this frame: it is truncated or damaged"
    # H.264 in AVI: what stands there as times is the order in which frames are stored.
    untimed = "avi" in container.format.name and film.codec_context.name == "h264"
    start = _UntimedStart() if untimed else _Start(path)
    try:
        for packet in from_first_key(container.demux(film)):
            start.meet(packet)
            if packet.is_corrupt:
                raise DataError(damaged)
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if start.leans_on_what_was_cut_off():
                    continue
                raise
            for frame in frames:
                if frame.is_corrupt:
                    raise DataError(damaged)
                yield frame
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"{damaged} ({reason_of(error)})") from None


def first_presented(path: Path) -> int | None:
    """Return when the first frame of a video is shown, in units of its stream; None if it is
    damaged.

    A decoder that does not report damage leaves out frames that depend on others that were cut
    off.
    """
    import av

    with open_container(path) as container:
        film = film_of(container, path)
        film.codec_context.options = {}
        try:
            packets = from_first_key(container.demux(film))
            frame = next((frame for packet in packets for frame in packet.decode()), None)
        except (av.error.FFmpegError, OSError):
            return None
        return None if frame is None or frame.is_corrupt else frame.pts


def from_first_key(packets: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    """Yield the packets from the first key frame on; all of them if none comes soon."""
    waiting_packets: list[Packet[VideoStream]] = []
    waiting = True
    for packet in packets:
        if waiting and not packet.is_keyframe and len(waiting_packets) < _PATIENCE:
            waiting_packets.append(packet)
            continue
        if waiting:
            yield from [] if packet.is_keyframe else waiting_packets
            waiting = False
        yield packet
    if waiting:
        yield from waiting_packets


class _UntimedStart:
    """As `_Start`, for frames without times: by what the H.264 packets themselves say.

    Right after a key frame that is not a fresh start, B-frames depend on what comes before it.
    Decoders may report one only with the packet after it.
    """

    def __init__(self) -> None:
        self._last: Literal["", "key", "leaning", "after", "other"] = ""

    def meet(self, packet: Packet[VideoStream]) -> None:
        """Take note of the next packet in the order of the file."""
        if not self._last:
            open_key = packet.is_keyframe and not starts_anew(bytes(packet))
            self._last = "key" if open_key else "other"
        elif self._last in {"key", "leaning"} and is_b_picture(bytes(packet)):
            self._last = "leaning"
        else:
            self._last = "after" if self._last == "leaning" else "other"

    def leans_on_what_was_cut_off(self) -> bool:
        """Say whether the last packet may fail without being damaged."""
        return self._last in {"leaning", "after"}


class _Start:
    """The packets at the start of a video, while they may depend on missing frames.

    These are the packets before the first displayed frame, and the first one after it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times: list[int] = []  # of the packets that were met, until it is over
        self._over = False

    def meet(self, packet: Packet[VideoStream]) -> None:
        """Take note of the next packet in the order of the file."""
        self._over |= packet.pts is None or len(self._times) == _PATIENCE
        if not self._over and packet.pts is not None:
            self._times.append(packet.pts)

    def leans_on_what_was_cut_off(self) -> bool:
        """Say whether the last packet may fail without being damaged."""
        first = None if self._over else first_presented(self._path)
        if first is None:
            self._over = True
            return False
        before = self._times[:-1]
        return min(self._times) < first and not any(time > first for time in before)
