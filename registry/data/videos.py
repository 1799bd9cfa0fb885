"""Read single frames of video files as uint8 RGB, or report why that is impossible.

Frames are those that a player shows, numbered from 0 in the order in which it shows them, and
decoded in that order: a seek finds key frames only, and by a time that is not exact in every
container.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.data.containers import film_of, open_container
from registry.data.decoding import decoded
from registry.data.frame_times import find_frames
from registry.data.orientation import apply_display_matrix
from registry.data.sizes import MOST_PIXELS, check_size
from registry.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

__all__ = ["VIDEO_SUFFIXES", "VideoCursor", "count_frames", "is_video"]

VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv"}
)


def is_video(path: Path) -> bool:
    """Say whether a file is a video by its extension."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def count_frames(path: Path) -> int:
    """Count the displayed frames, and those that a truncated file should have."""
    return find_frames(path).count


class VideoCursor:
    """Reads frames of one file after another; each file is read once while the numbers rise.

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
        """Return frame `number` as uint8 RGB (H, W, 3), upright; a DataError if that is
        impossible.

        Frames after the first damaged one cannot be read: most are coded as a difference from
        the one before.
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
        """Close the file."""
        if self._container is not None:
            self._container.close()
        self._path = self._container = self._fault = None
        self._frames, self._next = iter(()), 0

    def _open(self, path: Path) -> None:
        self.close()
        self._path = path
        try:
            self._container = open_container(path)
            film = film_of(self._container, path)
            check_size(film.codec_context.width, film.codec_context.height, path, self._most)
            self._frames = decoded(self._container, film, path)
        except DataError as error:
            self._fault = str(error)

    def _advance(self, path: Path, number: int) -> VideoFrame:
        for frame in self._frames:
            self._next += 1
            if self._next > number:
                return frame
        raise DataError(f"{path} ends before this frame; it is cut short, or its header is wrong")


def _upright(frame: VideoFrame) -> NDArray[np.uint8]:
    # One thread: without a number each frame starts as many as there are processors, and ends them.
    image = np.asarray(frame.to_ndarray(format="rgb24", threads=1), dtype=np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        image = apply_display_matrix(image, bytes(matrix))
    return np.ascontiguousarray(image)
