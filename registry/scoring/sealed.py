"""Store arrays in files with a checksum: reading gives what was written, or nothing.

For chunks of a run and caches, which can be computed again. A cache that cannot be read or
written is reported once, and the work goes on without it.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.console import tell
from registry.errors import BenchError
from registry.files import replacing

__all__ = ["cache_sealed", "read_sealed", "sealed_names", "tell_no_cache", "write_sealed"]

_SEAL = "sha256"
_reported: set[Path] = set()


def write_sealed(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays and the checksum of all of them, whole or not at all; a DataError if that
    fails.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **{_SEAL: np.asarray(_digest(arrays)), **arrays})  # type: ignore[arg-type]


def read_sealed(path: Path) -> dict[str, NDArray[Any]] | None:
    """Read the arrays that were written; None without a file, or if a bit of it has changed."""
    try:
        # an open file, because numpy leaves one it opened itself open if the archive is cut short
        with path.open("rb") as file:
            if any(each.compress_type for each in zipfile.ZipFile(file).infolist()):
                return None  # not written here: arrays are stored as they are, and none grows
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        seal = str(arrays.pop(_SEAL))
    except Exception:  # noqa: BLE001 - bytes that anything may have written: made again
        return None
    return arrays if seal == _digest(arrays) else None


def sealed_names(path: Path) -> set[str]:
    """Name the arrays in a file without reading them; none for other kinds of files."""
    try:
        with zipfile.ZipFile(path) as file:
            return {name.removesuffix(".npy") for name in file.namelist()} - {_SEAL}
    except (OSError, ValueError, zipfile.BadZipFile):
        return set()


def cache_sealed(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Store arrays in the cache, or report once that it cannot be written."""
    try:
        write_sealed(path, arrays)
    except BenchError as error:
        tell_no_cache(path.parent, error)


def tell_no_cache(folder: Path, error: BenchError) -> None:
    """Print one line for each folder: results are the same without a cache, and take longer."""
    if folder not in _reported:
        _reported.add(folder)
        tell(f"note: nothing is stored for later runs: {error}")


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
