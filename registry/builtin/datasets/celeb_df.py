"""Celeb-DF as it is published: folders of videos and a list of those to test on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.data.media import scan_folder
from registry.data.text_tables import reading_table
from registry.errors import DataError, EmptySplitError
from registry.special_files import refuse_special

__all__ = ["celeb_df_videos", "recognises_celeb_df"]

_LIST = "List_of_testing_videos.txt"
_LABELS: dict[str, Literal[0, 1]] = {"1": 0, "0": 1}  # the list's 1 is a real video


def recognises_celeb_df(path: Path) -> bool:
    """Say whether a folder holds the list of testing videos."""
    return path.is_dir() and (path / _LIST).is_file()


def celeb_df_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos: `test` is what the list names, `train` all others in the folders that it
    names.

    A line is a flag, where 1 means REAL, and a path such as `YouTube-real/00170.mp4`.
    """
    root = root_of(request, f"celeb_df_videos:DIR, a folder that holds {_LIST}")
    dataset = root.resolve().name
    test = list(_listed(root))
    if request.split == "test":
        return listed_index(dataset, test, request)
    rest = list(_rest(root, test))
    if request.split != "train" or not rest:
        raise EmptySplitError(
            f"no videos in split {request.split!r} of {root}; videos by split: test {len(test)}"
            + (f", train {len(rest)}" if rest else "")
        )
    return listed_index(dataset, rest, request)


def _listed(root: Path) -> Iterator[Listed]:
    path = root / _LIST
    refuse_special(path)
    with reading_table(path):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        flag, _, name = line.strip().partition(" ")
        if not line.strip():
            continue
        if flag not in _LABELS or "/" not in name:
            raise DataError(
                f"{path}, line {number}: {line!r} is not `1 FOLDER/VIDEO` (real) or `0 ...` (fake)"
            )
        if name in seen:
            raise DataError(f"{path}, line {number}: {name} is already in line {seen[name]}")
        seen[name] = number
        yield _video(root, name.strip(), _LABELS[flag], "test")


def _rest(root: Path, test: list[Listed]) -> Iterator[Listed]:
    labels = {each.group: each.label for each in test}
    listed = {each.id for each in test}
    for group, label in labels.items():
        if not (root / group).is_dir():
            continue
        _, files, folders = scan_folder(root / group)
        # A video beside the folder of its frames is one video, and the file is what is read.
        names = {path.stem: path.name for path in reversed([*files, *folders])}
        for name in reversed(names.values()):
            video = _video(root, f"{group}/{name}", label, "train")
            if video.id not in listed:
                yield video


def _video(root: Path, name: str, label: Literal[0, 1], split: str) -> Listed:
    group, _, video = name.rpartition("/")
    return Listed(
        id=f"{group}/{Path(video).stem}",
        group=group,
        label=label,
        path=root / name,
        split=split,
        method=group if label else "",
    )
