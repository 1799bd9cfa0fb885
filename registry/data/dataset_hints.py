"""Notice that what is to be scored file by file is a data set, whose labels could be used."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from registry.data.media import is_media, media_in
from registry.errors import BenchError, guarded
from registry.plugins.discovery import load_plugins
from registry.plugins.specs import DatasetSpec

__all__ = ["dataset_notes", "is_dataset", "masks_among"]

_MASKS = frozenset({"mask", "masks"})  # folders of pictures that say what was changed
_LOOKED_AT = 20  # lists in a folder: a holiday's pictures may have as many sidecars as there are


def dataset_notes(inputs: Iterable[Path], specs: Iterable[DatasetSpec]) -> list[str]:
    """Return a sentence for each path that a reader recognises as a data set, or that holds one.

    It is a hint only: a path that cannot be looked at, or that a reader fails on, gets none.
    """
    readers = _readers(specs)
    found = ((path, _data_at(path, readers)) for path in dict.fromkeys(inputs))
    return [_sentence(path, data) for path, data in found if data is not None]


def is_dataset(path: Path) -> bool:
    """Say whether an installed reader recognises a path as a data set, or a list in a folder."""
    return _data_at(path, _readers(load_plugins().unambiguous("dataset").values())) is not None


def masks_among(files: Iterable[Path], folder: Path) -> list[Path]:
    """List the files in folders, below a given one, that are named as those of masks are."""
    return [path for path in files if _MASKS.intersection(path.relative_to(folder).parts[:-1])]


def _readers(specs: Iterable[DatasetSpec]) -> list[DatasetSpec]:
    return [spec for spec in specs if spec.recognises is not None]


def _sentence(path: Path, data: Path) -> str:
    what = f"{path} is" if data == path else f"{path} holds {data.name},"
    masks = len(masks_among(media_in(path), path))
    left_out = f"; the {masks} files in its folders of masks are left out" if masks else ""
    return (
        f"{what} a data set with labels, which are not used here{left_out}; to measure a detector"
        f" on it: bench eval --dataset {shlex.quote(str(data))}"
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
