"""Notice that what is to be scored file by file is a data set, whose labels could be used."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from registry.data.media import is_media
from registry.errors import BenchError, guarded
from registry.plugins.specs import DatasetSpec

__all__ = ["dataset_notes"]

_LOOKED_AT = 20  # lists in a folder: a holiday's pictures may have as many sidecars as there are


def dataset_notes(inputs: Iterable[Path], specs: Iterable[DatasetSpec]) -> list[str]:
    """Return a sentence for each path that a reader recognises as a data set, or that holds one.

    It is a hint only: a path that cannot be looked at, or that a reader fails on, gets none.
    """
    readers = [spec for spec in specs if spec.recognises is not None]
    found = ((path, _data_at(path, readers)) for path in dict.fromkeys(inputs))
    return [_sentence(path, data) for path, data in found if data is not None]


def _sentence(path: Path, data: Path) -> str:
    what = f"{path} is" if data == path else f"{path} holds {data.name},"
    return (
        f"{what} a data set with labels, which are not used here; to measure a detector on it:"
        f" bench eval --dataset {shlex.quote(str(data))}"
    )


def _data_at(path: Path, readers: list[DatasetSpec]) -> Path | None:
    """Return what a reader recognises: the path, or a list of frames that lies in the folder."""
    try:
        places = [] if path.is_file() and is_media(path) else [path, *_lists_in(path)]
    except OSError:
        return None
    return next((place for place in places if _recognised(place, readers)), None)


def _lists_in(path: Path) -> Iterator[Path]:
    return iter(sorted(islice(path.glob("*.json"), _LOOKED_AT)) if path.is_dir() else ())


def _recognised(path: Path, readers: list[DatasetSpec]) -> bool:
    try:
        return any(
            guarded(f"data set {spec.name!r}", spec.source, spec.recognises, path)
            for spec in readers
            if spec.recognises is not None
        )
    except BenchError:
        return False
