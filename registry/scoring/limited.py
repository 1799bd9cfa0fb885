"""Choose few videos for a trial run: the same ones in every process, spread over the methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from registry.contracts.types import Video, VideoIndex

__all__ = ["limited"]


def limited(data: Sequence[VideoIndex], count: int | None, seed: int = 0) -> list[VideoIndex]:
    """Keep at most `count` real and `count` fake videos of every data set; all where it is None.

    Fakes come from the methods in turn. Which videos is decided by a hash of their names and
    `seed`: it does not depend on their order, and a larger count keeps those of a smaller one. A
    note on the data says that it is a part.
    """
    if count is None:
        return list(data)
    return [_limited(index, count, seed) for index in data]


def _limited(index: VideoIndex, count: int, seed: int) -> VideoIndex:
    by_label: dict[tuple[str, int], list[Video]] = {}
    for video in index.videos:
        by_label.setdefault((video.dataset, video.label), []).append(video)
    taken = {
        (video.dataset, video.id)
        for videos in by_label.values()
        for video in _in_turn(videos, seed)[:count]
    }
    videos = tuple(video for video in index.videos if (video.dataset, video.id) in taken)
    if len(videos) == len(index.videos):
        return index
    return replace(index, videos=videos, notes=(*index.notes, *_notes(index.videos, videos, count)))


def _in_turn(videos: Iterable[Video], seed: int) -> list[Video]:
    """Order videos so that methods take turns, each with its videos in the order of their
    hashes.
    """
    ordered = sorted(videos, key=lambda video: _hash(seed, video.dataset, video.id))
    seen: dict[str, int] = {}
    turns = []
    for video in ordered:
        turns.append(seen.get(video.method, 0))
        seen[video.method] = turns[-1] + 1
    return [
        video for _, video in sorted(zip(turns, ordered, strict=True), key=lambda each: each[0])
    ]


def _hash(seed: int, dataset: str, video: str) -> bytes:
    return sha256(f"{seed}/{dataset}/{video}".encode(errors="surrogateescape")).digest()


def _notes(every: Iterable[Video], taken: Iterable[Video], count: int) -> list[str]:
    """Say for each data set how much of it is scored."""
    of_all, of_taken = _counts(every), _counts(taken)
    return [
        f"{name}: a trial on {of_taken[name][0]:,} of {reals:,} real and {of_taken[name][1]:,} of"
        f" {fakes:,} fake videos (--limit {count}), not a result for the whole data set"
        for name, (reals, fakes) in of_all.items()
        if of_taken[name] != [reals, fakes]
    ]


def _counts(videos: Iterable[Video]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for video in videos:
        counts.setdefault(video.dataset, [0, 0])[video.label] += 1
    return counts
