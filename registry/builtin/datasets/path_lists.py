"""Text lists with one path a line, as GenD keeps its data: a list holds reals or holds fakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from registry.builtin.datasets.folder_names import merged_by_folder
from registry.builtin.datasets.listed_paths import PathFinder
from registry.builtin.datasets.splits import choose_split, root_of
from registry.builtin.datasets.tally import FileTally
from registry.contracts.types import DatasetRequest, Frame, Video, VideoIndex
from registry.data.text_tables import reading_table
from registry.data.videos import is_video
from registry.errors import DataError, EmptySplitError
from registry.special_files import refuse_special

__all__ = ["path_list_videos", "recognises_path_lists"]

_SPLITS = ("train", "val", "test")
_IMAGE = re.compile(r"\.(avif|bmp|jpe?g|png|tiff?|webp)$", re.IGNORECASE)


def recognises_path_lists(path: Path) -> bool:
    """Say whether a text file's first line is a path of an image or video, or a folder holds
    such files.
    """
    if path.is_file():
        return path.suffix.lower() == ".txt" and _is_media(_first_line(path))
    return path.is_dir() and bool(_lists(path))


def path_list_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos of a folder's lists: `*real*.txt` holds reals, any other list fakes.

    `train`, `val` or `test` as a word of a list's name, or the folder that it is in, is its split.
    Images of one folder are one video and so is a video file; its id is the list's name and that
    folder or file as it is listed. Paths start from --data-root, else from the list's folder.
    """
    root = root_of(request, "path_lists:PATH, a folder with *real*.txt and other lists")
    lists = [root] if root.is_file() else _lists(root)
    if not lists:
        raise DataError(f"{root} holds no *.txt whose first line is the path of an image or video")
    dataset = root.resolve().stem
    places = PathFinder(request.options.data_root or lists[0].parent, request.options.path_map)
    with_splits = [(path, _split(path)) for path in lists]
    if any(split for _, split in with_splits):
        known = sorted({split for _, split in with_splits if split})
        with_splits = [each for each in with_splits if each[1] == request.split]
        if not with_splits:
            raise EmptySplitError(
                f"no list for split {request.split!r} in {root}; splits found: {', '.join(known)}"
            )
    videos, tallies, listed = [], [], []
    for path, split in with_splits:
        tally = FileTally(path.stem)
        tallies.append(tally)
        for each in _videos(path):
            found = places.find(each.lines)
            tally.add(each.lines, found)
            video = _video(dataset, path, split, each, found, places)
            videos.append(video)
            listed += [(video, line) for line in each.lines]
    for tally in tallies:
        tally.check(request.options.min_resolved, places)
    chosen = choose_split(videos, request.split, dataset)
    ids = {video.id for video in chosen}
    return VideoIndex(
        videos=tuple(chosen),
        resolved=tuple(tally.resolved() for tally in tallies),
        notes=merged_by_folder((video, line) for video, line in listed if video.id in ids),
    )


@dataclass(slots=True)
class _Lines:
    """The lines of one video."""

    name: str
    lines: list[str] = field(default_factory=list)


def _videos(path: Path) -> Iterator[_Lines]:
    """Group lines by the video whose frames they are, in the order of the list."""
    refuse_special(path)
    with reading_table(path):
        text = path.read_text(encoding="utf-8-sig")
    groups: dict[str, _Lines] = {}
    seen: set[str] = set()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if not _is_media(line):
            raise DataError(
                f"{path}, line {number}: {line!r} is not the path of an image or a video"
            )
        plain = PurePosixPath(line.replace("\\", "/"))
        name = str(plain.with_suffix("") if is_video(Path(plain)) else plain.parent)
        if line in seen:
            raise DataError(f"{path}, line {number}: {line} is listed twice")
        seen.add(line)
        group = groups.setdefault(name, _Lines(name))
        if group.lines and (is_video(Path(plain)) or is_video(Path(group.lines[0]))):
            raise DataError(
                f"{path}, line {number}: {line} and {group.lines[0]} would be the same"
                " video by their names; remove one of them"
            )
        group.lines.append(line)
    if not groups:
        raise DataError(f"{path} contains no path")
    yield from groups.values()


def _video(
    dataset: str,
    path: Path,
    split: str,
    each: _Lines,
    found: Sequence[Path | None],
    places: PathFinder,
) -> Video:
    label: Literal[0, 1] = 0 if "real" in path.stem.lower() else 1
    files = [file or places.expected(line) for line, file in zip(each.lines, found, strict=True)]
    whole = is_video(files[0])
    return Video(
        dataset=dataset,
        id=f"{path.stem}/{each.name}",
        label=label,
        file=files[0] if whole else None,
        frames=() if whole else tuple(Frame(path=file, index=at) for at, file in enumerate(files)),
        split=split,
        method=path.stem if label else "",
    )


def _lists(folder: Path) -> list[Path]:
    """Return the lists in a folder and in its train/, val/ and test/."""
    inside = [folder, *(folder / split for split in _SPLITS)]
    found = [path for each in inside for path in sorted(each.glob("*.txt")) if path.is_file()]
    return [path for path in found if _is_media(_first_line(path))]


def _split(path: Path) -> str:
    words = [*re.split(r"[^A-Za-z]+", path.stem.lower()), path.parent.name]
    return next((split for split in _SPLITS if split in words), "")


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(4096).strip()


def _is_media(text: str) -> bool:
    """Say whether a text is the path of an image or a video; a sentence or `1 a/b.mp4` is not."""
    plain = text.replace("\\", "/")
    if re.match(r"\d+\s", plain) or ("/" not in plain and re.search(r"\s", plain)):
        return False
    return bool(_IMAGE.search(plain)) or is_video(Path(plain))
