"""Keep the cache within a number of bytes: the least recently used files go first.

When a file was last used is its date, which every use sets. Several runs may write, read and prune
one folder at once: files come whole by a rename, one that is open can be read to its end though it
is deleted meanwhile, and one that is gone is computed again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from registry.errors import ConfigError

__all__ = [
    "LIMIT",
    "CacheBound",
    "CachedFile",
    "Freed",
    "cache_limit",
    "files_in",
    "mark_used",
    "prune",
]

LIMIT = "BENCH_CACHE_LIMIT"
_USUAL = 50_000_000_000  # bytes: embeddings of 1,792 numbers of 7 million faces
_STEP = 16  # a part of the limit by which the cache grows between two looks at it
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b|bytes?)?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of the cache, its size, and when it was last used (ns)."""

    path: Path
    size: int
    used: int


@dataclass(frozen=True, slots=True)
class Freed:
    """What was deleted."""

    files: int = 0
    bytes: int = 0


def cache_limit(text: str | None = None) -> int:
    """Return the bytes that `text` or $BENCH_CACHE_LIMIT asks for, such as 20GB; by default 50
    GB.
    """
    text = text if text is not None else os.environ.get(LIMIT)
    if not text:
        return _USUAL
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"the cache's limit is {text!r}; write a size such as 20GB or 500MB with --limit or in"
            f" {LIMIT}"
        )
    return int(float(found[1]) * 1000 ** _POWERS[found[2].lower()])


def files_in(folders: Iterable[Path], pattern: str = "*") -> Iterator[CachedFile]:
    """List the files below folders that may exist."""
    for folder in folders:
        for path in folder.rglob(pattern):
            with suppress(OSError):  # deleted just now
                status = path.lstat()
                if path.is_file():
                    yield CachedFile(path, status.st_size, status.st_mtime_ns)


def mark_used(path: Path) -> None:
    """Record that a file was used now; does nothing if it is gone or belongs to another user."""
    with suppress(OSError):
        os.utime(path)


def prune(folders: Iterable[Path], most: int, *, dry: bool = False) -> Freed:
    """Delete .npz files, least recently used first, until `most` bytes are left.

    One that another process deletes first counts as well: the bytes are free.
    """
    files = sorted(files_in(folders, "*.npz"), key=lambda each: (each.used, each.path))
    over = sum(each.size for each in files) - most
    count = freed = 0
    for each in files:
        if freed >= over:
            break
        with suppress(OSError):  # on Windows one that is open
            if not dry:
                each.path.unlink(missing_ok=True)
            count, freed = count + 1, freed + each.size
    return Freed(count, freed)


class CacheBound:
    """Keeps a folder within the limit while this process adds files to it."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self._folder = folder
        self._limit = cache_limit() if limit is None else limit
        self._grown: int | None = None  # since the folder was last looked at

    def add(self, path: Path) -> None:
        """Count a file that was just written; prune if the folder may be too large."""
        try:
            size = path.stat().st_size
        except OSError:  # nothing was written, or another process has pruned it
            return
        self._grown = None if self._grown is None else self._grown + size
        if self._grown is None or self._grown >= self._limit // _STEP:
            prune([self._folder], self._limit - self._limit // _STEP)
            self._grown = 0
