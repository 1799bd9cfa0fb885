"""Find the files that are scored one by one: those named, and those in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from registry.data.dataset_hints import is_dataset, masks_among
from registry.data.media import IMAGE_SUFFIXES, media_in

__all__ = ["find_media"]


def find_media(inputs: Iterable[Path], *, clips: bool = False) -> dict[Path, str]:
    """List every file of `inputs` once and in order, with what is known to be wrong ("": nothing).

    A folder stands for the images and videos in it and in its sub-folders, except hidden ones
    and linked folders, and except a data set's masks; with `clips`, a folder without sub-folders
    stands there in place of its images, which are the frames of one clip. Anything else counts as a
    file of a known kind: reading it will show.
    """
    found: dict[Path, str] = {}
    for path in inputs:
        inside = _inside(path, clips=clips) if os.path.isdir(path) else {path: ""}  # noqa: PTH112 - raises nothing
        found |= inside or {path: "the folder has no image or video file that can be read"}
    return {path: fault or _fault_of_name(path) for path, fault in found.items()}


def _inside(folder: Path, *, clips: bool) -> dict[Path, str]:
    files = _scored(folder)
    return dict.fromkeys(_as_clips(files) if clips else files, "")


def _as_clips(files: Sequence[Path]) -> Iterator[Path]:
    """Yield folders that hold files and no folders of files in place of their images."""
    branches = {folder for file in files for folder in file.parent.parents}
    for file in files:
        is_frame = file.suffix.lower() in IMAGE_SUFFIXES and file.parent not in branches
        yield file.parent if is_frame else file


def _scored(folder: Path) -> list[Path]:
    """List a folder's images and videos, without those that only say where others were changed."""
    files = media_in(folder)
    masks = set(masks_among(files, folder))
    return [path for path in files if path not in masks] if masks and is_dataset(folder) else files


def _fault_of_name(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "the name of the file is not UTF-8; rename it"
    return ""
