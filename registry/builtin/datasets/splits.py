"""Find the folder of a data set and choose its split, which is made up where the data has none."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from registry.contracts.types import DatasetRequest, Video
from registry.errors import ConfigError, DataError, EmptySplitError, did_you_mean
from registry.urls import refuse_url

__all__ = ["choose_split", "root_of"]

_GENERATED = ("train", "val", "test")


def choose_split(videos: Sequence[Video], split: str, dataset: str) -> list[Video]:
    """Return videos of one split, in their order; a DataError lists the splits there are.

    Data without splits has these: `test` is all of it; `train` is 80 % and `val` 20 % of its people
    (of its videos where people are not known), drawn by a hash of the name, so that the answer is
    the same everywhere and does not change as data is added.
    """
    if not videos:
        raise DataError(
            f"data set {dataset!r} has no images or videos; check its path, and that its files end"
            " in .jpg, .png, .mp4 or the like"
        )
    if any(video.split for video in videos):
        chosen = [video for video in videos if video.split == split]
        known = Counter(video.split or "(none)" for video in videos)
        note = ""
    else:
        chosen = [video for video in videos if split in _generated_splits(video)]
        known = Counter(name for video in videos for name in _generated_splits(video))
        note = " (it has no splits of its own: test is all of it, and train and val are 80:20)"
    if not chosen:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(known.items()))
        raise EmptySplitError(
            f"no videos in split {split!r} of data set {dataset!r};"
            f"{did_you_mean(split, known)} videos by split: {listed}{note}"
        )
    return chosen


def _generated_splits(video: Video) -> tuple[str, str]:
    digest = hashlib.sha256((video.identity or video.id).encode(errors="surrogateescape")).digest()
    train, val, test = _GENERATED
    return (val if digest[0] % 5 == 0 else train), test


def root_of(request: DatasetRequest, usage: str) -> Path:
    """Return the path named with the data set, or --data-root; a ConfigError where there is
    none.
    """
    root = request.root or request.options.data_root
    if root is None:
        refuse_url(request.name, dataset=True)
        raise ConfigError(f"data set {request.name!r} is not a file or folder; write {usage}")
    if not root.exists():
        refuse_url(root, dataset=True)
        where = "--data-root DIR" if request.root is None else "the path of the data set"
        raise ConfigError(f"no folder {root}; check {where}")
    return root
