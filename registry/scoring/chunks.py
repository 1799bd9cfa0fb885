"""The unit of work: a chunk of frames, stored whole or not at all, keyed by what it was made from.

A finished chunk lies in the run folder, so an interrupted run goes on where it stopped. A chunk of
embeddings also lies in the cache, so another detector on the same backbone computes none.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from registry.contracts.types import Frame, Video
from registry.errors import DataError
from registry.files import replacing

__all__ = ["Chunk", "ChunkStore", "Unit", "cut"]

FORMAT = 1
_UNREADABLE = "cannot read FILE"  # how `images.read_image` begins, without the name


@dataclass(frozen=True, slots=True)
class Unit:
    """One frame of one video."""

    video: Video
    frame: Frame

    def stamp(self) -> list[str | int]:
        """What tells this frame on this disk from a changed one, without reading it."""
        stamp: list[str | int] = [self.video.dataset, self.video.id, self.frame.index]
        for path in (self.frame.path, self.frame.landmarks):
            if path is not None:
                stamp.append(str(path.absolute()))
                if path.exists():
                    status = path.stat()
                    stamp += [status.st_size, status.st_mtime_ns]
        return stamp


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of one chunk, one per face; a frame that failed is one row with its reason.

    `unit` is the frame's place in the chunk, `status` "ok" or the reason; `values` maps the name of
    an output (`embedding`, or scores by column) to an array with one entry per row that is ok.
    """

    unit: NDArray[np.int32]
    face: NDArray[np.int32]
    box: NDArray[np.int32]  # (rows, 4)
    status: NDArray[np.str_]
    values: dict[str, NDArray[np.float32] | NDArray[np.float64]]

    @property
    def unreadable(self) -> bool:
        """Whether a file could not be opened: nothing that its size or date would tell of."""
        return any(str(status).startswith(_UNREADABLE) for status in self.status)


def cut(units: Sequence[Unit], size: int) -> list[Sequence[Unit]]:
    """`units` in order, `size` at a time."""
    return [units[start : start + size] for start in range(0, len(units), size)]


class ChunkStore:
    """Chunks of one evaluation, in its run folder and, if `cache` is given, shared between runs.

    `maker` identifies what made the values: the encoder's fingerprint and the way faces are found.
    """

    def __init__(self, folder: Path, maker: Iterable[str], cache: Path | None) -> None:
        self.folder = folder
        self.cache = cache
        self._maker = list(maker)

    def key(self, units: Sequence[Unit]) -> str:
        """sha256 of the maker, a dot, sha256 of the frames."""
        return f"{_sha256([FORMAT, self._maker])}.{_sha256([unit.stamp() for unit in units])}"

    def find(self, index: int, units: Sequence[Unit]) -> Chunk | None:
        """The finished chunk, or None where it must be made.

        One in the run folder with another maker is a DataError: results would be mixed. One of
        other frames, because files were mended, added or taken away, is made again; so is one with
        a file that could not be opened, which may have been the disk's or the network's fault.
        """
        key = self.key(units)
        path = self._path(index)
        if path.exists():
            chunk = _read(path, key)
            if chunk == "maker":
                raise DataError(
                    f"{path} was made with other weights, crops or options than this run asks for;"
                    " choose another --out, or --overwrite to start this one afresh"
                )
            if isinstance(chunk, Chunk) and not chunk.unreadable:
                return chunk
        if self.cache is not None and (cached := self.cache / f"{key}.npz").exists():
            chunk = _read(cached, key)
            if isinstance(chunk, Chunk) and not chunk.unreadable:
                _copy(cached, path)
                return chunk
        return None

    def put(self, index: int, units: Sequence[Unit], chunk: Chunk) -> None:
        """Store a finished chunk."""
        path = self._path(index)
        _write(path, self.key(units), chunk)
        if self.cache is not None and not chunk.unreadable:
            _copy(path, self.cache / f"{self.key(units)}.npz")

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.npz"


def _write(path: Path, key: str, chunk: Chunk) -> None:
    arrays = {f"value.{name}": array for name, array in chunk.values.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(
            file,
            key=np.asarray(key),
            unit=chunk.unit,
            face=chunk.face,
            box=chunk.box,
            status=chunk.status,
            **arrays,  # type: ignore[arg-type]
        )


def _sha256(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(path: Path, key: str) -> Chunk | Literal["maker", "frames", "damaged"]:
    """The chunk, or what is wrong with it."""
    try:
        # an open file, because numpy leaves one it opened itself open if the archive is cut short
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                same_maker = str(stored["key"]).split(".")[0] == key.split(".", maxsplit=1)[0]
                return "frames" if same_maker else "maker"
            names = [name for name in stored.files if name.startswith("value.")]
            return Chunk(
                stored["unit"],
                stored["face"],
                stored["box"],
                stored["status"],
                {name.removeprefix("value."): stored[name] for name in names},
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return "damaged"  # cut short by a full disk: made again


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        shutil.copyfile(source, partial)
