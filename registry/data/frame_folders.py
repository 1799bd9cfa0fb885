"""Folders of images that are the frames of one clip."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from registry.contracts.types import Frame
from registry.data.media import IMAGE_SUFFIXES, scan_folder

__all__ = ["frame_at", "frame_folder_notes", "frames_in", "picture_notes"]

_FEWEST = 8  # images in folders that may be the frames of clips
_FEWEST_OF_ONE = 3  # in each folder: fewer have no steps to compare
_EVEN = 0.8  # share of steps between their numbers; faces are not found in every frame
_IF_THEY_ARE = (
    "if they are, name the folder and add --clips: each is judged as a picture of its own here, and"
    " of real clips more single frames are called MANIPULATED than clips"
)
_NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)


def frames_in(folder: Path) -> tuple[Frame, ...]:
    """List the images of a folder as the frames of a clip, in natural order."""
    images, _, _ = scan_folder(folder)
    return tuple(Frame(path=image, index=index) for index, image in enumerate(images))


def frame_at(path: Path, index: int) -> Frame:
    """Return frame `index` of an image, of a video file or of a folder of frames."""
    if os.path.isdir(path):  # noqa: PTH112 - raises nothing
        return frames_in(path)[index]
    return Frame(path=path, index=index)


def frame_folder_notes(files: Iterable[Path]) -> list[str]:
    """Return a sentence on folders whose images are numbered like the frames of a clip, if any."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            folders[path.parent].append(path)
    alike = [folder for folder, images in folders.items() if _are_numbered_evenly(images)]
    if sum(len(folders[folder]) for folder in alike) < _FEWEST:
        return []
    more = f", as are those in {len(alike) - 1} more" if len(alike) > 1 else ""
    images = f"the {len(folders[alike[0]])} images in {alike[0]}"
    return [f"{images} are numbered like the frames of one clip{more}; {_IF_THEY_ARE}"]


def picture_notes(files: Iterable[Path]) -> list[str]:
    """Return a sentence on images among what is read as clips, if any."""
    images = [
        path
        for path in files
        if path.suffix.lower() in IMAGE_SUFFIXES and not os.path.isdir(path)  # noqa: PTH112 - raises nothing
    ]
    if not images:
        return []
    one = f"{images[0]} is judged as a picture"
    what = one if len(images) == 1 else f"{len(images)} images are judged as pictures"
    why = "an image that is named itself, or lies beside a folder with images, is not a frame"
    return [f"{what} in spite of --clips, which reads folders of frames: {why}"]


def _are_numbered_evenly(images: Sequence[Path]) -> bool:
    """Say whether the names of enough images differ in a number alone that rises in even steps."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for path in images:
        if found := _NUMBERED.fullmatch(path.stem):
            numbers[found[1]].append(int(found[2]))
    return any(
        len(each) >= _FEWEST_OF_ONE and _rises_evenly(sorted(each)) for each in numbers.values()
    )


def _rises_evenly(numbers: Sequence[int]) -> bool:
    steps = [b - a for a, b in pairwise(numbers)]
    usual = median(steps)
    return sum(abs(step - usual) <= 1 for step in steps) >= _EVEN * len(steps)
