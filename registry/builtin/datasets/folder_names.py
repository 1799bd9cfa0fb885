"""Detect videos that DeepfakeBench would mix up because their frames' folders share a name."""

from __future__ import annotations

from collections.abc import Iterable

from registry.contracts.types import Video
from registry.results.deepfakebench_metrics import folder_name

__all__ = ["merged_by_folder"]

_LISTED = 3


def merged_by_folder(frames: Iterable[tuple[Video, str]]) -> tuple[str, ...]:
    """Return one sentence if DeepfakeBench would take several videos for one, else nothing.

    It takes frames (here with their path as it is listed) whose parent folders have one name for
    one video.
    """
    named: dict[str, dict[str, Video]] = {}
    total: set[str] = set()
    for video, listed in frames:
        has_folder = "/" in listed or "\\" in listed
        named.setdefault(folder_name(listed) if has_folder else "", {})[video.id] = video
        total.add(video.id)
    shared = {name: videos for name, videos in named.items() if len(videos) > 1}
    if not shared:
        return ()
    lost = {video for videos in shared.values() for video in videos}
    mixed = sum(len({video.label for video in videos.values()}) > 1 for videos in shared.values())
    name, first = next(iter(shared.items()))
    which = ", ".join(list(first)[:_LISTED]) + (", ..." if len(first) > _LISTED else "")
    both = f", {mixed} of which would mix reals and fakes" if mixed else ""
    note = (
        f"parent folders share names: DeepfakeBench would make {len(named)} videos of"
        f" these {len(total)}, because {len(lost)} of them share {len(shared)}"
        f" name{'s' * (len(shared) > 1)}{both}; {name!r} is {which}. Here every video of"
        " the index counts as one"
    )
    return (note,)
