"""WildDeepfake as its archives unpack: frames in folders below real_train, fake_test and so on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.data.media import scan_folder
from registry.errors import DataError, EmptySplitError

__all__ = ["recognises_wild_deepfake", "wild_deepfake_videos"]

_LABELS: dict[str, Literal[0, 1]] = {"real": 0, "fake": 1}
_SPLITS = ("train", "test")
_INNER = "deepfake_in_the_wild"  # the folder that the download brings


def recognises_wild_deepfake(path: Path) -> bool:
    """Say whether a folder holds real_SPLIT/ and fake_SPLIT/, or a folder with them."""
    return bool(_splits(_place(path)))


def wild_deepfake_videos(request: DatasetRequest) -> VideoIndex:
    """Return a sequence for every folder that holds images, at any depth."""
    root = _place(root_of(request, "wild_deepfake:DIR, a folder that holds real_test/"))
    there = _splits(root)
    if not there:
        raise DataError(
            f"{root} holds neither real_test/ and fake_test/ nor the same folders for train"
        )
    if request.split not in there:
        raise EmptySplitError(f"no split {request.split!r} in {root}; found: {', '.join(there)}")
    listed = [
        each
        for word in _LABELS
        for each in _sequences(root, root / f"{word}_{request.split}", word, request.split)
    ]
    return listed_index("WildDeepfake", listed, request)


def _place(path: Path) -> Path:
    return path / _INNER if (path / _INNER).is_dir() else path


def _splits(root: Path) -> list[str]:
    return [
        split for split in _SPLITS if all((root / f"{word}_{split}").is_dir() for word in _LABELS)
    ]


def _sequences(root: Path, folder: Path, word: str, split: str) -> Iterator[Listed]:
    images, _, folders = scan_folder(folder)
    if images:
        yield Listed(
            id=folder.relative_to(root).as_posix(),
            group=folder.relative_to(root).parts[0],
            label=_LABELS[word],
            path=folder,
            split=split,
            method="wild" if _LABELS[word] else "",
        )
    for inner in folders:
        yield from _sequences(root, inner, word, split)
