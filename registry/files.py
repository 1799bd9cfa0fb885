"""Files: written whole or not at all, checksums, and the folder of what can be made again."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from registry.errors import DataError

__all__ = [
    "cache_dir",
    "check_regular",
    "file_sha256",
    "opened_folder",
    "replacing",
    "weights_dir",
    "writable_folder",
    "write_text",
]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that takes its place if the block ends well.

    Folders are created. A DataError says why the file cannot be written; what stood at `path`
    before is then still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"cannot write {path}: {reason}; name a folder that can be written, with space left"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A text file in UTF-8 that is there whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def writable_folder(path: Path) -> Path:
    """`path`, made if need be; DataError where nothing can be written into it."""
    probe = path / f".{os.getpid()}.partial"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot write to {path}: {reason}; choose another --out") from error
    return path


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """`writable_folder(path)` for a block; what of it was made and is empty at the end goes again.

    A command that is refused thus leaves no folder behind, and no file of anybody's is deleted.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield writable_folder(path)
    finally:
        for folder in made:  # the innermost first
            with suppress(OSError):
                folder.rmdir()


def check_regular(path: Path, kind: str) -> None:
    """A DataError unless `path` is a file whose bytes can be read to an end.

    `kind` is what it should be, for the message. Pipes, sockets and devices are none: reading one
    may wait, or go on, for ever.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError(f"no {kind} file {path}") from None
    except (OSError, ValueError) as error:  # a link to itself; a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from None
    if not stat.S_ISREG(mode):
        what = next((name for is_one, name in _SPECIAL if is_one(mode)), "something else")
        raise DataError(f"cannot read {path}: it is {what}, not a file")


def file_sha256(path: Path) -> str:
    """sha256 of the file in hexadecimal; an OSError where it cannot be read, or has no end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """`$BENCH_CACHE`, or `lesb-plugin` in the platform's cache folder; it may not exist yet."""
    if chosen := os.environ.get("BENCH_CACHE"):
        return Path(chosen).expanduser()
    return _platform_cache() / "lesb-plugin"


def weights_dir() -> Path:
    """Where weights files are looked for: `$BENCH_WEIGHTS`, or `weights` in the cache folder."""
    if chosen := os.environ.get("BENCH_WEIGHTS"):
        return Path(chosen).expanduser()
    return cache_dir() / "weights"


_SPECIAL = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
