"""Find the files that are scored one by one: those named, and those in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from registry.data.dataset_hints import is_dataset, masks_among
from registry.data.media import media_in

__all__ = ["find_media"]


def find_media(inputs: Iterable[Path]) -> dict[Path, str]:
    """List every file of `inputs` once and in order, with what is known to be wrong ("": nothing).

    A folder stands for the images and videos in it and in its sub-folders, except hidden ones
    and linked folders, and except a data set's masks. Anything else counts as a file of a known
    kind: reading it will show.
    """
    found: dict[Path, str] = {}
    for path in inputs:
        inside = dict.fromkeys(_scored(path), "") if os.path.isdir(path) else {path: ""}  # noqa: PTH112 - raises nothing
        found |= inside or {path: "the folder has no image or video file that can be read"}
    return {path: fault or _fault_of_name(path) for path, fault in found.items()}


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
