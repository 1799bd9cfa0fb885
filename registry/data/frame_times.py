"""Count the frames that a video file shows, and find when it shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.data.containers import film_of, is_cut_short, open_container
from registry.data.decoding import decoded, first_presented, from_first_key
from registry.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

__all__ = ["PresentedFrames", "find_frames"]

# Codecs of which every packet is one frame. In others a packet may hold none or two: frames that
# are never shown (VP8), that repeat the one before, or that come two at once (MPEG-4 in AVI).
_ONE_FRAME_A_PACKET = frozenset({"av1", "h264", "hevc", "vp9"})
_COMPLETE = 0.9  # of its length a silent film must reach where the container says nothing else


@dataclass(frozen=True, slots=True)
class PresentedFrames:
    """The frames of a file: `count` of them.

    `times` (N,) are the seconds at which they are shown, ascending, or None where the container has
    none. A file that is cut short counts as many frames as its header promises, and at least one
    more than it has a time for: reading it says what is wrong.
    """

    count: int
    times: NDArray[np.float64] | None = None

    def second(self, number: int) -> float | None:
        """Return when a frame is shown, counted from the first; None if that is unknown."""
        if self.times is None or number >= len(self.times):
            return None
        return float(self.times[number] - self.times[0])


def find_frames(path: Path) -> PresentedFrames:
    """Find the frames of a video file, without decoding it wherever that is exact.

    A file that cannot be opened counts as one frame: reading it gives the reason.
    """
    try:
        with open_container(path) as container:
            film = film_of(container, path)
            found = _found(container, film, path)
            count, missing = len(found.times), _missing(container, film, found, path)
    except DataError:
        return PresentedFrames(1)
    return PresentedFrames(max(1, count + missing), found.sorted_times())


@dataclass(slots=True)
class _Found:
    """Seconds of the frames that were met, None where one has none, and the end of the last.

    `stored` counts the whole packets that are to be shown, `broken` says that one is damaged.
    """

    times: list[float | None] = field(default_factory=list)
    stored: int = 0
    end: float = 0.0
    broken: bool = False

    def counted(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
        """Yield the packets unchanged, and take note of each."""
        for packet in packets:
            self.broken |= packet.is_corrupt
            self.stored += _is_presented(packet)
            yield packet

    def add(self, start: float | None, length: float) -> None:
        self.times.append(start)
        self.end = max(self.end, (start or 0.0) + length)

    def sorted_times(self) -> NDArray[np.float64] | None:
        known = [time for time in self.times if time is not None]
        if not known or len(known) < len(self.times):
            return None
        return np.sort(np.array(known, np.float64))


def _found(container: InputContainer, film: VideoStream, path: Path) -> _Found:
    codec = film.codec_context.codec
    # AVI counts its frames in the order in which they are stored.
    timed = "avi" not in container.format.name
    if codec.intra_only or (timed and codec.name in _ONE_FRAME_A_PACKET):
        found = _in_packets(container, film, path)
        if None not in found.times:
            return found
    return _in_decoded(path)


def _in_packets(container: InputContainer, film: VideoStream, path: Path) -> _Found:
    """Count the displayed packets, without those that a decoder drops at the start."""
    import av

    found = _Found()
    base = float(film.time_base or 0)
    presented: list[tuple[int | None, int]] = []
    try:
        presented.extend(
            (packet.pts, packet.duration or 0)
            for packet in from_first_key(found.counted(container.demux(film)))
            if _is_presented(packet)
        )
    except (av.error.FFmpegError, OSError):
        found.broken = True
    first = first_presented(path)
    for pts, length in presented:
        if first is None or pts is None or pts >= first:
            found.add(None if pts is None else pts * base, length * base)
    return found


def _is_presented(packet: Packet[VideoStream]) -> bool:
    return packet.size > 0 and not packet.is_discard and not packet.is_corrupt


def _in_decoded(path: Path) -> _Found:
    found = _Found()
    with open_container(path) as container:
        film = film_of(container, path)
        base = float(film.time_base or 0)
        try:
            for frame in decoded(container, film, path):
                found.add(frame.time, (frame.duration or 0) * base)
        except DataError:
            found.broken = True
    return found


def _missing(container: InputContainer, film: VideoStream, found: _Found, path: Path) -> int:
    """Count the frames that the file should have besides those found."""
    cut = is_cut_short(path)
    if "mp4" in container.format.name and found.stored and film.frames:  # the header lists all
        listed = sum(entry.size > 0 and not entry.is_discard for entry in film.index_entries)
        missing = listed - found.stored
    else:
        missing = film.frames - len(found.times) if cut else 0
        found.broken |= cut or _ends_early(container, found)
    return max(missing, int(found.broken))


def _ends_early(container: InputContainer, found: _Found) -> bool:
    # Where boxes and chunks have lengths, a last frame that is held for long is no sign that
    # something is missing. Sound may be longer than the picture: the length says nothing of it.
    measured = any(name in container.format.name for name in ("mp4", "avi", "matroska"))
    if measured or len(container.streams) > 1 or len(found.times) < 2:
        return False
    # What FLV calls its length is the time of its end.
    start = 0 if "flv" in container.format.name else container.start_time or 0
    return found.end - 1e-6 * start < _COMPLETE * 1e-6 * (container.duration or 0)
