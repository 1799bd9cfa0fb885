"""Videos from a list of names: each a video file, or a folder of frames in its place."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from registry.contracts.types import DatasetRequest, Frame, Resolved, Video, VideoIndex
from registry.data.media import scan_folder
from registry.errors import DataError
from registry.files import is_there

__all__ = ["Listed", "listed_index"]

_EXAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of a list; `path` is the place of the video, `group` what it is counted under."""

    id: str
    group: str
    label: Literal[0, 1]
    path: Path
    split: str = ""
    method: str = ""
    identity: str | None = None
    perceived: str | None = None

    @property
    def files(self) -> tuple[Frame, ...] | Path | None:
        """Return the video file, the frames of the folder with its name, or None."""
        if is_there(self.path):
            return self.path
        folder = self.path.with_suffix("")
        images = scan_folder(folder)[0] if os.path.isdir(folder) else []  # noqa: PTH112 - raises nothing
        return tuple(Frame(path=path, index=at) for at, path in enumerate(images)) or None


def listed_index(
    dataset: str, listed: Iterable[Listed], request: DatasetRequest, notes: Sequence[str] = ()
) -> VideoIndex:
    """Return the videos of a list in its order; a DataError if fewer than `min_resolved` exist."""
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    missing: dict[str, list[Path]] = {}
    videos = []
    for each in listed:
        files = each.files
        wanted[each.group] += 1
        found[each.group] += files is not None
        if files is None:
            missing.setdefault(each.group, []).append(each.path)
        videos.append(_video(dataset, each, files))
    for group, paths in missing.items():
        least = request.options.min_resolved
        if found[group] < least * wanted[group]:
            raise DataError(
                f"{found[group]} of the {wanted[group]} videos listed under {group} were"
                f" found, fewer than --min-resolved {least:g} requires. Neither a video"
                " file nor a folder of frames of that name exists for, first:",
                *(f"  {path}" for path in paths[:_EXAMPLES]),
            )
    return VideoIndex(
        videos=tuple(videos),
        resolved=tuple(Resolved(label=g, found=found[g], listed=wanted[g]) for g in wanted),
        notes=tuple(notes),
    )


def _video(dataset: str, each: Listed, files: tuple[Frame, ...] | Path | None) -> Video:
    """Return the video; one that does not exist keeps its path, so that it becomes a row with an
    error.
    """
    frames = files if isinstance(files, tuple) else ()
    return Video(
        dataset=dataset,
        id=each.id,
        label=each.label,
        frames=frames,
        file=None if frames else each.path,
        split=each.split,
        method=each.method,
        identity=each.identity,
        perceived=each.perceived,
    )
