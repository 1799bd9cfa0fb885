"""FakeAVCeleb as published: four folders by whether video and audio of a clip are real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import choose_split, root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.data.media import scan_folder
from registry.errors import DataError

__all__ = ["fakeavceleb_videos", "recognises_fakeavceleb"]

_DATASET = "FakeAVCeleb"
_REAL = "RealVideo-RealAudio"
# By the picture: of a real picture with a cloned voice no face was changed.
_LABELS: dict[str, Literal[0, 1]] = {
    _REAL: 0,
    "RealVideo-FakeAudio": 0,
    "FakeVideo-RealAudio": 1,
    "FakeVideo-FakeAudio": 1,
}


def recognises_fakeavceleb(path: Path) -> bool:
    """Say whether a folder holds RealVideo-RealAudio/ and one of the three others."""
    there = [name for name in _LABELS if (path / name).is_dir()]
    return _REAL in there and len(there) > 1


def fakeavceleb_videos(request: DatasetRequest) -> VideoIndex:
    """Return every clip, labelled by its video alone; the id's folder is the identity.

    Splits are made up, as the data has none.
    """
    root = root_of(request, f"fakeavceleb:DIR, a folder that holds {_REAL}/")
    if not recognises_fakeavceleb(root):
        raise DataError(f"{root} does not hold {_REAL}/ and one of {', '.join(list(_LABELS)[1:])}")
    there = [name for name in _LABELS if (root / name).is_dir()]
    listed = [each for name in there for each in _clips(root, root / name, name)]
    notes = [
        ("labels describe the picture, not the sound: clips of RealVideo-FakeAudio count as real")
    ]
    index = listed_index(_DATASET, listed, request, notes)
    return replace(index, videos=tuple(choose_split(index.videos, request.split, _DATASET)))


def _clips(root: Path, folder: Path, kind: str) -> Iterator[Listed]:
    _, files, folders = scan_folder(folder)
    for file in files:
        yield Listed(
            id=file.relative_to(root).with_suffix("").as_posix(),
            group=kind,
            label=_LABELS[kind],
            path=file,
            method=kind if _LABELS[kind] else "",
            identity=folder.name,
        )
    for inner in folders:
        yield from _clips(root, inner, kind)
