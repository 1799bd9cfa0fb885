"""Find what is wrong with a data set before anything is scored: `bench data check`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from registry.builtin.commands.crops_check import crops_note
from registry.builtin.commands.data_options import CheckConfig
from registry.console import progress
from registry.contracts.types import Frame, Resolved, Video
from registry.data.images import read_image
from registry.data.index import find_index, select_frames
from registry.data.options import data_options
from registry.data.videos import VideoCursor, is_video
from registry.errors import BenchError, DataError, EmptySplitError, reading
from registry.faces.reader import read_landmarks_of
from registry.files import file_sha256, file_size, is_there
from registry.plugins.discovery import Plugins
from registry.special_files import refuse_special

__all__ = ["PROBLEMS", "DataReport", "check_data"]

PROBLEMS = ("missing", "empty", "unreadable", "duplicated")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """One data set: what is there, and the files of each kind of problem, each with its reason.

    `error` says why the data set could not be read at all. `short` are videos with fewer frames
    than asked for: worth knowing, no fault. `frames` are those that an evaluation would read;
    `crops` says whether they are face crops as DeepfakeBench cuts them.
    """

    dataset: str
    split: str
    error: str = ""
    reals: int = 0
    fakes: dict[str, int] = field(default_factory=dict)
    frames: int = 0
    with_landmarks: int = 0
    resolved: tuple[Resolved, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    crops: str = ""

    @property
    def wrong(self) -> bool:
        """Say whether something must be repaired."""
        return bool(self.error or any(getattr(self, kind) for kind in PROBLEMS))


def check_data(name: str, config: CheckConfig, plugins: Plugins) -> DataReport:
    """Read every frame that an evaluation with these settings would read."""
    try:
        index = find_index(name, config.split, plugins, data_options(config))
    except EmptySplitError as error:
        reason = f"{error} (--split chooses another split)"
        return DataReport(dataset=name, split=config.split, error=reason)
    except BenchError as error:
        return DataReport(dataset=name, split=config.split, error=str(error))
    with ThreadPoolExecutor(max(1, config.workers)) as pool:
        looked = pool.map(lambda video: _look(video, config), index.videos)
        bar = progress(looked, name, total=len(index.videos), unit="video", quiet=config.quiet)
        found = list(bar)
    fakes = Counter(video.method or "fake" for video in index.videos if video.label == 1)
    return DataReport(
        dataset=name,
        split=config.split,
        reals=sum(video.label == 0 for video in index.videos),
        fakes=dict(fakes),
        frames=sum(look.frames for look in found),
        with_landmarks=sum(look.with_landmarks for look in found),
        resolved=index.resolved,
        notes=index.notes,
        duplicated=tuple(_duplicated(found)),
        short=_short(found, config),
        crops=crops_note(index.videos),
        missing=_of_kind("missing", found),
        empty=_of_kind("empty", found),
        unreadable=_of_kind("unreadable", found),
    )


@dataclass(slots=True)
class _Look:
    """What reading one video showed; `digests` are sha256 of its files by path."""

    video: Video
    frames: int = 0
    with_landmarks: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    digests: dict[Path, str] = field(default_factory=dict)


def _short(found: list[_Look], config: CheckConfig) -> tuple[str, ...]:
    """Return videos with fewer frames than requested, with both numbers; never single images."""
    if config.frame_policy == "all" or all(look.frames <= 1 for look in found):
        return ()
    return tuple(
        f"{look.video.id}: {look.frames} of {config.frames}"
        for look in found
        if look.frames < config.frames
    )


def _look(video: Video, config: CheckConfig) -> _Look:
    frames = select_frames(video, config.frames, config.frame_policy)
    look = _Look(video, len(frames), sum(frame.landmarks is not None for frame in frames))
    cursor = VideoCursor(config.max_pixels)
    absent: set[Path] = set()  # of a video file one line, not one for each frame
    for frame in frames:
        if frame.path in absent:
            continue
        kind, reason = _fault(frame, cursor, look, config.max_pixels)
        if kind:
            look.problems.append((kind, reason))
            absent |= {frame.path} if is_video(frame.path) else set()
    cursor.close()
    return look


def _fault(frame: Frame, cursor: VideoCursor, look: _Look, most: int) -> tuple[str, str]:
    """Return the kind of problem and its reason, or two empty texts."""
    path = frame.path
    try:
        refuse_special(path)
        if not (os.path.lexists(path) or is_there(path)):
            return "missing", str(path)
        if is_there(path) and file_size(path) == 0:
            return "empty", str(path)
        with reading(path):
            image = cursor.read(path, frame.index) if is_video(path) else read_image(path, most)
            if path not in look.digests:
                look.digests[path] = file_sha256(path)
            if frame.landmarks is not None:
                read_landmarks_of(frame.landmarks, image)
    except DataError as error:
        return "unreadable", str(error)
    return "", ""


def _of_kind(kind: str, found: Sequence[_Look]) -> tuple[str, ...]:
    return tuple(text for look in found for of, text in look.problems if of == kind)


def _duplicated(found: Sequence[_Look]) -> Iterator[str]:
    """Yield a line for each content that two videos share; a still scene in one video does not
    count.
    """
    first: dict[str, tuple[Video, Path]] = {}
    reported: set[tuple[str, str]] = set()
    for look in found:
        for path, digest in look.digests.items():
            video, where = first.setdefault(digest, (look.video, path))
            pair = (video.id, look.video.id)
            if pair[0] == pair[1] or pair in reported:
                continue
            reported.add(pair)
            labels = "" if video.label == look.video.label else ", one real and one fake"
            yield f"{pair[0]} and {pair[1]}{labels}: {where} is {path}"
