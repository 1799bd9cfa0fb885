"""Data in DeepfakeBench's layout: a JSON file that lists frames by label, split and video."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from registry.builtin.datasets.deepfakebench.json_files import (
    Index,
    JsonEntry,
    find_json,
    is_index,
    read_index,
)
from registry.builtin.datasets.deepfakebench.labels import Labels, load_labels
from registry.builtin.datasets.deepfakebench.sets import DF40, KnownSet, known_set
from registry.builtin.datasets.folder_names import merged_by_folder
from registry.builtin.datasets.listed_paths import PathFinder
from registry.builtin.datasets.tally import FileTally
from registry.contracts.types import DataOptions, DatasetRequest, Frame, Video, VideoIndex
from registry.data.images import read_image
from registry.errors import DataError
from registry.files import is_there

__all__ = ["deepfakebench_json_videos", "known_videos", "recognises_deepfakebench_json"]


def recognises_deepfakebench_json(path: Path) -> bool:
    """Say whether a JSON file holds the data set's name, labels, splits and videos, in this
    order.
    """
    return is_index(path)


def known_videos(name: str, request: DatasetRequest) -> VideoIndex:
    """Return videos of the registered set `name`, `df40/*` included, which a request names or
    roots.
    """
    if request.root is None and not request.name.startswith(name.rstrip("*")):
        raise DataError(f"no file or folder {request.name}; write {name}:DIR or --data-root DIR")
    if request.root is not None:  # celeb_df_v2:/data/frames
        options = request.options
        if request.root.is_file():
            options = replace(options, json_dir=request.root)
        else:
            options = replace(options, data_root=request.root)
        request = replace(request, options=options)
    stem = request.name.removeprefix(DF40) if name.startswith(DF40) else name
    return deepfakebench_json_videos(replace(request, name=stem, root=None))


def deepfakebench_json_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos of one split of NAME.json, or of the JSON file that the request's root is.

    Ids are `label group[/compression]/key`, never parts of a path. Frames that are not there stay
    in their videos, to be rows with an error; too many of them (`min_resolved`) are a DataError.
    """
    options, known = request.options, known_set(request.name)
    given = request.root if request.root is not None and request.root.is_file() else None
    path = given or find_json(request.name, options)
    index = read_index(path)
    if known is not None and index.name == known.part_of:
        index = Index(index.path, known.stem, index.groups)
    entries = index.entries(request.split, options.compression)
    entries, notes = _of_the_set(entries, known)
    return _assemble(index, entries, request.split, options, known, notes)


def _of_the_set(
    entries: list[JsonEntry], known: KnownSet | None
) -> tuple[list[JsonEntry], tuple[str, ...]]:
    """Drop the groups that do not belong to a known set, and videos without frames."""
    notes = []
    own = [] if known is None else [each for each in entries if _belongs(each, known)]
    if known is not None and own:  # with none of them the file is the user's, of the same name
        other = [each for each in entries if not _belongs(each, known)]
        entries = own
        if other:
            named = ", ".join(sorted({each.group for each in other}))
            notes.append(
                f"{known.stem}: label groups left out because they do not belong to it: {named}"
            )
    empty = [each.id for each in entries if not each.frames]
    if empty:
        notes.append(f"videos that list no frames, left out: {len(empty)}, first {empty[0]}")
    return [each for each in entries if each.frames], tuple(notes)


def _belongs(entry: JsonEntry, known: KnownSet) -> bool:
    return entry.group in known.labels or entry.label in known.labels


def _assemble(
    index: Index,
    entries: Sequence[JsonEntry],
    split: str,
    options: DataOptions,
    known: KnownSet | None,
    notes: tuple[str, ...],
) -> VideoIndex:
    labels = load_labels(options.label_map)
    finder = PathFinder(options.data_root or index.path.parent, options.path_map)
    tallies: dict[str, FileTally] = {}
    marked = FileTally("masks")
    videos = []
    for entry in entries:
        tally = tallies.setdefault(entry.group, FileTally(entry.group))
        paths = finder.find(entry.frames)
        tally.add(entry.frames, paths)
        masks = finder.find(entry.masks)
        marked.add(entry.masks, masks)
        frames = _frames(entry, paths, masks, finder)
        videos.append(_video(index.name, split, entry, labels, frames))
    for tally in tallies.values():
        tally.check(options.min_resolved, finder)
    merged = merged_by_folder(
        (video, text) for video, entry in zip(videos, entries, strict=True) for text in entry.frames
    )
    crops = () if options.whole else _crops_already(videos)
    return VideoIndex(
        videos=tuple(videos),
        resolved=tuple(each.resolved() for each in tallies.values()),
        notes=(*notes, *_masks_missing(marked), *merged, *crops),
        part_of="" if known is None else known.part_of,
    )


def _masks_missing(masks: FileTally) -> Iterator[str]:
    """Yield a note on missing masks: no error, as scores need none, but an audit finds less."""
    if missing := masks.listed - masks.found:
        yield (
            f"masks listed but missing on disk: {missing} of {masks.listed}, first"
            f" {masks.missing[0]}"
        )


def _crops_already(videos: Sequence[Video]) -> Iterator[str]:
    """Say whether frames are square, as DeepfakeBench's face crops are and video frames hardly
    ever.
    """
    there = (frame.path for video in videos for frame in video.frames if is_there(frame.path))
    first = next(there, None)
    if first is None:
        return
    with suppress(DataError):  # one that cannot be read will be a row with an error
        height, width = read_image(first).shape[:2]
        if height == width:
            yield (
                f"the first frame is {width}x{height}: face crops already, it seems."
                " --crop-from frame takes them whole, as DeepfakeBench does; everything else crops"
                " the face in them once more"
            )


def _video(
    dataset: str, split: str, entry: JsonEntry, labels: Labels, frames: tuple[Frame, ...]
) -> Video:
    return Video(
        dataset=dataset,
        id=entry.id,
        label=labels.label(entry.label),
        frames=frames,
        split=split,
        method=labels.method(entry.label),
    )


def _frames(
    entry: JsonEntry,
    paths: Sequence[Path | None],
    mask_paths: Sequence[Path | None],
    finder: PathFinder,
) -> tuple[Frame, ...]:
    """Return frames in the order of their numbers, with the masks and landmarks that are there."""
    masks = {path.stem: path for path in mask_paths if path is not None}
    beside = _Landmarks()
    return tuple(
        Frame(
            path=finder.expected(listed) if path is None else path,
            listed=listed,
            index=at,
            landmarks=None if path is None else beside.of(path),
            mask=None if path is None or not masks else masks.get(path.stem),
        )
        for at, (listed, path) in enumerate(zip(entry.frames, paths, strict=True))
    )


class _Landmarks:
    """Find `landmarks/<video>/<frame>.npy` for `frames/<video>/<frame>.png`, by folder."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, Path]] = {}  # by folder of frames, by frame

    def of(self, frame: Path) -> Path | None:
        folder, name = os.path.split(frame)
        if folder not in self._files:  # once for a video, not once for each frame
            self._files[folder] = _landmarks_beside(Path(folder))
        return self._files[folder].get(os.path.splitext(name)[0])  # noqa: PTH122 - as above


def _landmarks_beside(video: Path) -> dict[str, Path]:
    if video.parent.name != "frames":
        return {}
    folder = video.parent.with_name("landmarks") / video.name
    return {path.stem: path for path in folder.glob("*.npy")}
