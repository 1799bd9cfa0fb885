"""From the name of a data set to its videos and their frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from registry.contracts.types import (
    ALL_METHODS,
    DataOptions,
    DatasetRequest,
    Frame,
    Video,
    VideoIndex,
)
from registry.data.frame_times import PresentedFrames, find_frames
from registry.data.media import animation_notes
from registry.errors import ConfigError, DataError, EmptySplitError, did_you_mean, reading
from registry.files import file_sha256, file_size, is_there
from registry.plugins.specs import DatasetSpec
from registry.urls import refuse_url

if TYPE_CHECKING:
    from registry.plugins.discovery import Plugins

__all__ = [
    "FramePolicy",
    "data_fingerprint",
    "find_index",
    "find_videos",
    "resolve_data",
    "select_frames",
]

_NO_OPTIONS = DataOptions()
_INSTANT = 1e-6  # seconds: what rounding may cost a time


def find_videos(
    name: str, split: str, plugins: Plugins, options: DataOptions = _NO_OPTIONS
) -> list[Video]:
    """Return the videos of `find_index`."""
    return list(find_index(name, split, plugins, options).videos)


def find_index(
    name: str, split: str, plugins: Plugins, options: DataOptions = _NO_OPTIONS
) -> VideoIndex:
    """Find the videos of `split` of the data set `name`: a path, a registered name, or `kind:NAME`.

    Raises a BenchError if the name is unknown or ambiguous, or the split is empty.
    """
    try:
        spec, request = resolve_data(name, split, plugins)
        found = spec.videos(replace(request, options=options))
        index = found if isinstance(found, VideoIndex) else VideoIndex(videos=tuple(found))
    except OSError as error:  # a folder that may not be read, a name too long for one
        what = error.filename or name
        raise DataError(f"cannot read {what}: {error.strerror or error}") from None
    if not index.videos:
        raise EmptySplitError(f"data set {name!r} has no videos in split {split!r}")
    _check(index.videos, spec)
    frames = (frame.path for video in index.videos for frame in video.frames)
    return replace(index, notes=(*index.notes, *animation_notes(frames)))


FramePolicy = Literal["linspace", "time", "first", "all", "deepfakebench"]


def select_frames(video: Video, count: int, policy: FramePolicy = "linspace") -> tuple[Frame, ...]:
    """Choose at most `count` frames: evenly spread from the first to the last, or the first; or
    all.

    `linspace` spreads them by number, `time` by the seconds at which a video file shows them;
    `deepfakebench` takes the first in the order of the integers that their names are before the
    first point, and raises a DataError where one is none. A video file is opened to see how many
    there are; one that is cut short has, spread, also the last frame that is missing, which fails.
    """
    if count < 1:
        raise ConfigError(f"frames is {count}; at least one frame of each video is needed")
    if video.file is not None:
        presented = _presented(video.file)
        chosen = _chosen(presented, count, policy)
        return tuple(
            Frame(path=video.file, index=at, seconds=presented.second(at)) for at in chosen
        )
    frames = video.frames
    if policy == "deepfakebench":
        frames = tuple(sorted(frames, key=deepfakebench_frame_number))
    return tuple(frames[at] for at in _chosen(PresentedFrames(len(frames)), count, policy))


def _chosen(presented: PresentedFrames, count: int, policy: FramePolicy) -> Sequence[int]:
    """Return the numbers of the frames that a policy takes, ascending."""
    total, times = presented.count, presented.times
    if policy in {"first", "all", "deepfakebench"}:
        return range(total if policy == "all" else min(count, total))
    missing = [] if times is None or total == len(times) else [total - 1]  # it is cut short
    if policy == "linspace" or times is None:
        evenly = np.linspace(0, total - 1, count, dtype=np.int64)
        return sorted({*map(int, evenly), *missing})
    moments = np.linspace(times[0], times[-1], count) + _INSTANT
    on_screen = np.searchsorted(times, moments, side="right") - 1
    return sorted({*map(int, on_screen), *missing})


def deepfakebench_frame_number(frame: Frame) -> int:
    r"""Return the number by which DeepfakeBench sorts: for `a\b\012.png` 12, and for `012_1.png`
    121.
    """
    name = (frame.listed or frame.path.name).replace("\\", "/").rpartition("/")[2]
    try:
        return int(name.partition(".")[0])
    except ValueError:
        raise DataError(
            "frame policy deepfakebench sorts frames by the number in their names, and"
            f" {name!r} is not a number: DeepfakeBench itself would stop here. Use another"
            " --frame-policy"
        ) from None


def _presented(path: Path) -> PresentedFrames:
    """Find the frames of a video file; one for a file that no reader understands, which then
    fails.
    """
    try:
        with reading(path):
            return find_frames(path)
    except DataError:
        return PresentedFrames(1)


def data_fingerprint(videos: Iterable[Video]) -> str:
    """Hash ids, labels, file names, sizes and the landmarks themselves (sha256).

    The same on every machine and in every order of videos; images are not read.
    """
    lines = sorted(_line(video) for video in videos)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(video: Video) -> str:
    listed = video.frames if video.file is None else (Frame(path=video.file),)
    frames = [
        (frame.index, frame.path.name, _size(frame.path), _digest(frame.landmarks))
        for frame in listed
    ]
    return json.dumps([video.dataset, video.id, video.label, video.method, frames])


def _size(path: Path) -> int | None:
    """Return bytes, or None for a missing file: reading it gives a row with an error."""
    return file_size(path) if is_there(path) else None


def _digest(path: Path | None) -> str | None:
    if path is None or not is_there(path):
        return None
    with reading(path):
        return file_sha256(path)


def resolve_data(name: str, split: str, plugins: Plugins) -> tuple[DatasetSpec, DatasetRequest]:
    """Return the reader of the data set of this name, and the request for it; nothing is read.

    An EmptySplitError for a split that a reader says it never has.
    """
    spec, request = _resolved(name, split, plugins)
    if spec.splits and split not in spec.splits:
        raise EmptySplitError(
            f"data set {name!r} has no split {split!r};{did_you_mean(split, spec.splits)} splits:"
            f" {', '.join(spec.splits)}"
        )
    return spec, request


def _resolved(name: str, split: str, plugins: Plugins) -> tuple[DatasetSpec, DatasetRequest]:
    specs: dict[str, DatasetSpec] = plugins.specs("dataset")
    path = Path(name).expanduser()
    if path.exists():
        if name in specs:
            raise ConfigError(
                f"{name!r} is both a registered data set and a file or folder here; write"
                f" './{name}' for the file or folder, '{name}:{name}' for the registered"
                " one"
            )
        return _reader_of(path, specs), DatasetRequest(name=name, root=path, split=split)
    kind, colon, rest = name.partition(":")
    if colon and kind in specs:
        root = Path(rest).expanduser()
        found = root if root.exists() else None
        return specs[kind], DatasetRequest(name=rest, root=found, split=split)
    family = name.partition("/")[0] + "/*"
    if name not in specs and family not in specs and _looks_like_a_path(name):
        refuse_url(name, dataset=True)
        raise DataError(_missing(path))
    spec = plugins.get("dataset", name, also=" and no such file or folder")
    return spec, DatasetRequest(name=name, root=None, split=split)


def _check(videos: Sequence[Video], spec: DatasetSpec) -> None:
    """Check that every video has a frame, ids are unique, and methods have names."""
    seen: set[tuple[str, str]] = set()
    for video in videos:
        key = (video.dataset, video.id)
        sources = bool(video.frames) + (video.file is not None)
        fault = (
            "no frames"
            if sources == 0
            else "frames and a file"
            if sources == 2
            else "an id that is already taken"
            if key in seen
            else f"the method {ALL_METHODS!r}, which is reserved for all methods together"
            if video.method == ALL_METHODS
            else "a name that is not UTF-8; rename the file or folder"
            if not _is_text(video)
            else ""
        )
        if fault:
            raise DataError(
                f"video {video.id!r} of data set {video.dataset!r} has {fault}; "
                f"it was read by {spec.name!r} of package {spec.source!r}"
            )
        seen.add(key)


def _is_text(video: Video) -> bool:
    """Say whether every name is valid text: Linux allows any bytes in names."""
    names = [video.id, *(str(frame.path) for frame in video.frames), str(video.file or "")]
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return False
    return True


def _reader_of(path: Path, specs: dict[str, DatasetSpec]) -> DatasetSpec:
    matching = [
        spec for spec in specs.values() if spec.recognises is not None and spec.recognises(path)
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        options = " or ".join(f"'{spec.name}:{path}'" for spec in matching)
        raise ConfigError(f"{path} can be read in more than one way; write {options}")
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(
            f"no data in {path}: the folder is empty (`bench list datasets` lists the layouts)"
        )
    layouts = "; ".join(
        f"{spec.name}: {spec.needs}" for spec in specs.values() if spec.recognises is not None
    )
    raise DataError(f"no reader recognises the data in {path}; known layouts: {layouts or 'none'}")


def _looks_like_a_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith((".", "~")) or name.endswith(".csv")


def _missing(path: Path) -> str:
    """Say which part of a path does not exist, and what is there instead."""
    there = path.absolute()
    while not there.parent.exists():
        there = there.parent
    beside = _names_in(there.parent)
    listed = ", ".join(sorted(beside)[:10]) or "nothing"
    hint = did_you_mean(there.name, beside)
    return f"no such file or folder: {path};{hint} in {there.parent}: {listed}"


def _names_in(folder: Path) -> Sequence[str]:
    if not folder.is_dir():
        return []
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
