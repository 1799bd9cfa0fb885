"""Finished faces of a fit in files, so that a fit that was killed continues where it stopped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.variants import Skipped
from registry import (
    cache_sealed,
    fingerprint,
    package_versions,
    read_sealed,
    sealed_names,
    this_rank,
)

__all__ = ["Arrays", "Pieces", "piece_folder"]

T = TypeVar("T")
Arrays: TypeAlias = Mapping[str, NDArray[Any]]

_EXAMPLE = "example"
PIECE = 32  # faces of a file: a killed fit loses the work on fewer than these


def piece_folder(root: Path | None, *content: object) -> Path | None:
    """Return the folder of this rank's pieces; None if `root`, that of the fit, is None.

    `content` decides what the faces become, apart from what the fit's own folder stands for.
    """
    if root is None:
        return None
    rank = this_rank()
    versions = package_versions(("albumentations", "av", "pillow", "scipy"))
    return root / fingerprint([content, versions, rank.number, rank.count])


@dataclass(frozen=True, slots=True)
class Pieces(Generic[T]):
    """Results by place, in files of `folder`.

    A result is a dataclass `kind` of arrays, texts, tuples of texts, and of one more dataclass
    `nested` or None in its field "example". A damaged file is as good as none, and so is `folder`
    None. Faces that could not be used are not stored: they are tried again.
    """

    folder: Path | None
    kind: type[T]
    nested: type[Any] | None = None

    def each(
        self, count: int, compute: Callable[[Sequence[int]], Iterator[T | Skipped]]
    ) -> Iterator[T | Skipped]:
        """Yield the results of the places below `count` in order, stored or computed now.

        `compute` yields those of the places it is given, each when it is asked for.
        """
        known, number = self._known()
        rows = _FaceRows(known, count, compute)
        finished: dict[int, Arrays] = {}
        for place in range(count):
            row = rows.take(place)
            if isinstance(row, Mapping):
                yield self._unpacked(row)
                continue
            if not isinstance(row, Skipped):
                finished[place] = _packed(row)
            if len(finished) == PIECE:
                self._store(number, finished)
                number, finished = number + 1, {}
            yield row
        self._store(number, finished)

    def _unpacked(self, arrays: Arrays) -> T:
        values = _plain(arrays)
        if self.nested is not None:
            example = _plain(_below(_EXAMPLE, arrays))
            values[_EXAMPLE] = self.nested(**example) if example else None
        return self.kind(**values)

    def _known(self) -> tuple[dict[int, Path], int]:
        """Return the file of every stored place, and the number of the next file.

        Names in the files are looked at, not their content.
        """
        known: dict[int, Path] = {}
        every = [] if self.folder is None else sorted(self.folder.glob("*.npz"))
        paths = [path for path in every if path.stem.isdecimal()]
        for path in paths:
            names = (name.partition(".")[0] for name in sealed_names(path))
            known |= {int(name): path for name in names if name.isdecimal()}
        return known, 1 + max((int(path.stem) for path in paths), default=-1)

    def _store(self, number: int, finished: Mapping[int, Arrays]) -> None:
        if self.folder is None or not finished:
            return
        every: dict[str, NDArray[Any]] = {}
        for place, arrays in finished.items():
            every |= _under(str(place), arrays)
        cache_sealed(self.folder / f"{number:06d}.npz", every)


class _FaceRows(Generic[T]):
    """What is stored and what has to be computed, place by place; each file is read once."""

    def __init__(
        self,
        known: Mapping[int, Path],
        count: int,
        compute: Callable[[Sequence[int]], Iterator[T | Skipped]],
    ) -> None:
        self._file = [known.get(place) for place in range(count)]
        self._places = defaultdict[Path | None, list[int]](list)  # of None: stored nowhere
        for place, path in enumerate(self._file):
            self._places[path].append(place)
        self._compute = compute
        self._stored: dict[int, Arrays] = {}
        self._computed: dict[Path | None, Iterator[T | Skipped]] = {}

    def take(self, place: int) -> Arrays | T | Skipped:
        """Return the stored arrays of a place, or compute its result; in order of places."""
        path = self._file[place]
        if path not in self._computed:
            self._open(path)
        return self._stored.pop(place, None) or next(self._computed[path])

    def _open(self, path: Path | None) -> None:
        """Read a file; what it has lost since its names were looked at is computed together."""
        found = {} if path is None else _by_place(path)
        mine = self._places[path]
        self._stored |= {place: found[place] for place in mine if place in found}
        self._computed[path] = self._compute([place for place in mine if place not in found])


def _by_place(path: Path) -> dict[int, Arrays]:
    """Read the arrays of every place in a file; none of a damaged one."""
    every = read_sealed(path) or {}
    places = dict.fromkeys(name.partition(".")[0] for name in every)
    return {int(place): _below(place, every) for place in places}


def _packed(item: Any) -> dict[str, NDArray[Any]]:
    """Return the fields of a dataclass as arrays, those of one in it by "field.field"."""
    found: dict[str, NDArray[Any]] = {}
    for name in (each.name for each in fields(item)):
        value = getattr(item, name)
        if is_dataclass(value):
            found |= _under(name, _packed(value))
        elif value is not None:
            found[name] = np.asarray(value)
    return found


def _plain(arrays: Arrays) -> dict[str, Any]:
    """Return the values of a dataclass's own fields: arrays, texts and tuples of texts."""
    return {name: _value(array) for name, array in arrays.items() if "." not in name}


def _value(array: NDArray[Any]) -> Any:
    if array.dtype.kind != "U":
        return array
    return tuple(array.tolist()) if array.ndim else str(array)


def _under(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {f"{name}.{each}": array for each, array in arrays.items()}


def _below(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Invert `_under`: the arrays of one name."""
    start = f"{name}."
    return {
        each.removeprefix(start): array for each, array in arrays.items() if each.startswith(start)
    }
