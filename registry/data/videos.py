"""Video files to single frames, uint8 RGB, or the reason why not.

Frames are numbered from 0 in the order in which they are shown, and decoded in that order: a seek
finds key frames only, and by a time that is not exact in every container.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.data.sizes import MOST_PIXELS, check_size
from registry.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

__all__ = ["VIDEO_SUFFIXES", "VideoCursor", "count_frames", "is_video"]

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
)


def is_video(path: Path) -> bool:
    """Whether a file is a video by its extension."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def count_frames(path: Path) -> int:
    """Frames that the container says it holds, or else that a decoder finds in it.

    A frame that cannot be decoded ends such a count and is counted: reading it says why. So is one
    frame after the last where a silent video ends with a tenth or more of its length to go.
    """
    count, last = 0, 0.0
    try:
        with _opened(path) as container:
            stream = container.streams.video[0]
            if stream.frames > 0:
                return int(stream.frames)
            for frame in _decoded(container, path):
                count += 1
                last = frame.time or 0.0  # seconds, of its start
            # Sound may be longer than the picture, so that the length says nothing of it.
            silent = len(container.streams) == 1
            length = 1e-6 * (container.duration or 0)
            cut_short = silent and count > 1 and last * count / (count - 1) < 0.9 * length
    except DataError:
        return count + 1
    return max(1, count + cut_short)


class VideoCursor:
    """Reads frames of one file after another, each file once as long as the numbers rise.

    Holds one open file and no frames; films of more than `most` pixels are refused. Not for use by
    two threads.
    """

    def __init__(self, most: int = MOST_PIXELS) -> None:
        self._most = most
        self._path: Path | None = None
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._next = 0
        self._fault: str | None = None

    def read(self, path: Path, number: int) -> NDArray[np.uint8]:
        """Frame `number` as uint8 RGB (H, W, 3), upright; a DataError if it cannot be had.

        After the first frame that is damaged none can be had: most are coded as a difference to the
        one before.
        """
        if path != self._path or number < self._next:
            self._open(path)
        if self._fault is None:
            try:
                return _upright(self._advance(path, number))
            except DataError as error:
                reached = self._next
                self.close()
                self._path, self._next, self._fault = path, reached, str(error)
        raise DataError(self._fault)

    def close(self) -> None:
        """Give the file back."""
        if self._container is not None:
            self._container.close()
        self._path = self._container = self._fault = None
        self._frames, self._next = iter(()), 0

    def _open(self, path: Path) -> None:
        self.close()
        self._path = path
        try:
            self._container = _opened(path)
            film = self._container.streams.video[0].codec_context
            check_size(film.width, film.height, path, self._most)
        except DataError as error:
            self._fault = str(error)
        else:
            self._frames = _decoded(self._container, path)

    def _advance(self, path: Path, number: int) -> VideoFrame:
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return frame
        raise DataError(f"{path} ends before this frame; it is cut short, or its header is wrong")


def _opened(path: Path) -> InputContainer:
    """The open file, set up to report damage in place of hiding it."""
    import av

    if not path.is_file():
        raise DataError(f"no video file {path}")
    try:
        # FFmpeg takes a relative name with a colon for the address of something on a network.
        container = av.open(str(path.absolute()))
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"cannot decode {path}: {_reason(error)}") from None
    if not container.streams.video:
        container.close()
        raise DataError(f"cannot decode {path}: it holds no video stream")
    codec = container.streams.video[0].codec_context
    codec.thread_count = 1  # files are decoded side by side, and memory stays flat
    codec.options = {"err_detect": "explode"}
    return container


def _decoded(container: InputContainer, path: Path) -> Iterator[VideoFrame]:
    """Every frame in order; a DataError in place of the first that is damaged."""
    import av

    damaged = f"cannot decode {path} up to this frame: it is truncated or damaged"
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.is_corrupt:
                raise DataError(damaged)
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise DataError(damaged)
                yield frame
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"{damaged} ({_reason(error)})") from None


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    image = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    return np.ascontiguousarray(image, dtype=np.uint8)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
