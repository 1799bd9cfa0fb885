"""The unit of work: a chunk of frames, stored whole or not at all, keyed by its inputs.

That is the detector, and of each frame its file: by content up to a megabyte, above that by size
and times. Every chunk holds a checksum.

Finished chunks are in the run folder, so that an interrupted run goes on where it stopped;
chunks of embeddings are also in the cache, so that another detector on the same backbone
computes none.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.archives import absolute_name, inside
from registry.contracts.types import Frame, Video
from registry.errors import DataError
from registry.files import file_sha256, file_size
from registry.fingerprints import fingerprint
from registry.leftovers import sweep
from registry.results.predictions import OK, SHARPNESS
from registry.scoring.cache_limit import CacheBound, mark_used
from registry.scoring.sealed import cache_sealed, read_sealed, sealed_names, write_sealed

__all__ = ["Chunk", "ChunkStore", "Unit", "Values", "cut", "frame_stamp", "piece_size"]

FORMAT = 1
_CHEAP = 1 << 20  # bytes of a file that is read for its stamp: about what a frame as PNG has
_LEAST, _MANY = 64, 64  # frames of a chunk; chunks of an evaluation
_NAME = re.compile(r"\d{6}\.npz")
_COLUMNS = {"key", "unit", "face", "box", "status"}
_UNREADABLE = "cannot read FILE"  # how `images.read_image` begins, without the name


# Embeddings are float32, or float16 where they are to take half the space.
Values: TypeAlias = dict[str, NDArray[np.float16] | NDArray[np.float32] | NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Unit:
    """One frame of one video."""

    video: Video
    frame: Frame

    def stamp(self, known: dict[Path, tuple[str | int, ...]]) -> list[str | int]:
        """Return what distinguishes this frame from a changed one; `known` are files already
        checked.
        """
        return [self.video.dataset, self.video.id, *frame_stamp(self.frame, known)]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of one chunk, one per face; a frame that failed is one row with its reason.

    `unit` is the frame's place in the chunk, `status` "ok" or the reason; `values` maps the name of
    an output (`embedding`, or scores by column, and `sharpness`) to an array with one entry per row
    that is ok.
    """

    unit: NDArray[np.int32]
    face: NDArray[np.int32]
    box: NDArray[np.int32]  # (rows, 4)
    status: NDArray[np.str_]
    values: Values

    @property
    def unreadable(self) -> bool:
        """Say whether a file could not be opened, which its size and date would not show."""
        return any(str(status).startswith(_UNREADABLE) for status in self.status)


def cut(units: Sequence[Unit], most: int) -> list[Sequence[Unit]]:
    """Cut `units`, in order, into pieces of `piece_size`."""
    size = piece_size(len(units), most)
    return [units[start : start + size] for start in range(0, len(units), size)]


def piece_size(units: int, most: int) -> int:
    """Return the frames per chunk: `most`, halved until there are 64 chunks, but at least 64.

    Processes share an evaluation by whole chunks, so that few of them cannot be shared equally.
    Never below 64 frames, a batch; and by halves, so that data that grows keeps its chunks.
    """
    size = most
    while size // 2 >= _LEAST and units < _MANY * size:
        size //= 2
    return size


class ChunkStore:
    """Chunks of one evaluation, in its run folder and, if `cache` is given, shared between runs.

    `maker` identifies what made the values: the encoder's fingerprint and the way faces are found.
    """

    def __init__(self, folder: Path, maker: Iterable[str], cache: Path | None) -> None:
        self.folder = folder
        self.cache = cache
        self._bound = None if cache is None else CacheBound(cache)
        self._maker = list(maker)
        self._keys: dict[int, str] = {}

    def key(self, units: Sequence[Unit]) -> str:
        """Return the sha256 of the maker, a dot, and the sha256 of the frames."""
        stamps: dict[Path, tuple[str | int, ...]] = {}
        frames = [unit.stamp(stamps) for unit in units]
        return f"{fingerprint([FORMAT, self._maker])}.{fingerprint(frames)}"

    def find(self, index: int, units: Sequence[Unit]) -> Chunk | None:
        """Find the finished chunk; None if it must be computed.

        One in the run folder with another maker is a DataError: results would be mixed. One of
        other frames, because files were mended, added or taken away, is made again; so is one with
        a file that could not be opened, which may have been the disk's or the network's fault.
        """
        key = self._keys[index] = self.key(units)
        path = self.path(index)
        chunk = _read(path, key, units)
        if chunk == "maker":
            raise DataError(
                f"{self.folder.parent} holds scores of an earlier run with other weights, crops or"
                " options (--weights, --artefact, --faces, --crop-from, --face-detector, --seed and"
                " the detector's own): run it with the same ones to continue, choose another --out,"
                " or replace them with --overwrite"
            )
        if isinstance(chunk, Chunk) and not chunk.unreadable:
            return chunk
        if self.cache is not None:
            cached = self.cache / f"{key}.npz"
            chunk = _read(cached, key, units)
            if isinstance(chunk, Chunk) and not chunk.unreadable:
                mark_used(cached)
                write_sealed(path, _arrays(key, chunk))
                return chunk
        return None

    def finished(self, index: int, units: Sequence[Unit]) -> Chunk | None:
        """Read the chunk that another process left in the run folder; None if there is none.

        Frames that it could not read are not tried again. None also where it is damaged, or of
        another maker or other frames.
        """
        key = self._keys[index] = self.key(units)
        chunk = _read(self.path(index), key, units)
        return chunk if isinstance(chunk, Chunk) else None

    def again(self, index: int, units: Sequence[Unit]) -> Chunk:
        """Return a chunk that was found or put before; its frames are not checked again.

        A DataError where its file is gone or damaged since.
        """
        key = self._keys.get(index) or self.key(units)
        chunk = _read(self.path(index), key, units)
        if isinstance(chunk, Chunk):
            return chunk
        raise DataError(
            f"{self.path(index)} was finished and is missing or damaged now; run the same line"
            " again, which makes it anew"
        )

    def put(self, index: int, units: Sequence[Unit], chunk: Chunk) -> None:
        """Store a finished chunk, keyed by the state of its frames when they were looked up."""
        key = self._keys[index] = self._keys.get(index) or self.key(units)
        arrays = _arrays(key, chunk)
        write_sealed(self.path(index), arrays)
        if self.cache is not None and self._bound is not None and not chunk.unreadable:
            cache_sealed(self.cache / f"{key}.npz", arrays)
            self._bound.add(self.cache / f"{key}.npz")

    def clear(self) -> None:
        """Delete the chunks in the folder, and the folder if nothing else is in it."""
        for path in self.folder.glob("*.npz"):
            if _NAME.fullmatch(path.name) and "key" in sealed_names(path):
                path.unlink(missing_ok=True)
        sweep(self.folder)
        with suppress(OSError):
            self.folder.rmdir()

    def path(self, index: int) -> Path:
        """Return the file of a chunk."""
        return self.folder / f"{index:06d}.npz"


def frame_stamp(frame: Frame, known: dict[Path, tuple[str | int, ...]]) -> list[str | int]:
    """Return a frame's number and its files with what is in them; `known` as in `Unit.stamp`."""
    stamp: list[str | int] = [frame.index]
    for path in (frame.path, frame.landmarks):
        if path is not None:
            if path not in known:
                known[path] = content_stamp(path)
            stamp += [absolute_name(path), *known[path]]
    return stamp


def content_stamp(path: Path) -> tuple[str | int, ...]:
    """Return size and sha256 of a file; for a large one its times instead of the sha256.

    Nothing for one that is not there. A large file that was changed and given its old size and date
    again is still told by the time of its status, which no program can set.
    """
    try:
        if inside(path) is not None:
            return (file_size(path), file_sha256(path))
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return ()
        if status.st_size <= _CHEAP:
            return (status.st_size, file_sha256(path))
    except (OSError, ValueError, DataError):  # reading it will tell
        return ()
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _arrays(key: str, chunk: Chunk) -> dict[str, NDArray[Any]]:
    return {
        "key": np.asarray(key),
        "unit": chunk.unit,
        "face": chunk.face,
        "box": chunk.box,
        "status": chunk.status,
        **{f"value.{name}": array for name, array in chunk.values.items()},
    }


def _read(
    path: Path, key: str, units: Sequence[Unit]
) -> Chunk | Literal["maker", "frames", "damaged"]:
    """Read the chunk, or say what is wrong with it: truncated by a full disk, or changed."""
    stored = read_sealed(path)
    if stored is None or not stored.keys() >= _COLUMNS:
        return "damaged"
    if str(stored["key"]) != key:
        same_maker = str(stored["key"]).split(".")[0] == key.split(".", maxsplit=1)[0]
        return "frames" if same_maker else "maker"
    values = {name: array for name, array in stored.items() if name.startswith("value.")}
    chunk = Chunk(
        stored["unit"],
        stored["face"],
        stored["box"],
        stored["status"],
        {name.removeprefix("value."): array for name, array in values.items()},
    )
    return chunk if _is_sound(chunk, len(units)) else "damaged"


def _is_sound(chunk: Chunk, frames: int) -> bool:
    """Say whether every frame has rows, and every row that is ok a finite output."""
    rows = len(chunk.unit)
    scored = int((chunk.status == OK).sum())
    return (
        chunk.face.shape == chunk.status.shape == (rows,)
        and chunk.box.shape == (rows, 4)
        and np.array_equal(np.unique(chunk.unit), np.arange(frames))
        and all(_is_output(name, array, scored) for name, array in chunk.values.items())
        and (scored == 0 or bool(chunk.values))
    )


def _is_output(name: str, array: NDArray[Any], rows: int) -> bool:
    """Check for finite numbers in every row: an embedding each, or a score in [0, 1]."""
    if name == SHARPNESS:
        return array.dtype.kind == "f" and array.shape == (rows,) and bool((array >= 0).all())
    of_embedding = name == "embedding"
    if array.dtype.kind != "f" or array.ndim != 1 + of_embedding or len(array) != rows:
        return False
    finite = bool(np.isfinite(array).all())
    return finite and (of_embedding or bool(((array >= 0) & (array <= 1)).all()))
