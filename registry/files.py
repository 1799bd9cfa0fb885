"""Files: atomic writes, checksums, and the cache folder."""

from __future__ import annotations

import atexit
import errno
import functools
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from registry.archives import entry_of, inside, read_entry
from registry.console import tell
from registry.errors import BenchError, ConfigError, DataError
from registry.leftovers import scratch_folder, sweep, unfinished_name
from registry.special_files import refuse_special

__all__ = [
    "CACHE_ADVICE",
    "cache_dir",
    "cache_or_scratch",
    "check_regular",
    "expanded",
    "file_sha256",
    "file_size",
    "is_there",
    "opened_folder",
    "parse_json",
    "read_file",
    "read_json",
    "replacing",
    "weights_dir",
    "writable_folder",
    "write_text",
]


CACHE_ADVICE = "set BENCH_CACHE to a writable folder with space left"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that takes its place if the block ends well.

    Folders are created, and leftovers of killed processes in this one are removed. A DataError
    says why the file cannot be written; an earlier file at `path` is then unchanged.
    """
    temporary = path.with_name(unfinished_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        yield temporary
        temporary.replace(path)
    except (OSError, ValueError, RuntimeError) as error:
        reason = _why_not_written(error)
        if reason is None:
            raise
        raise DataError(
            f"cannot write {path}: {reason}; choose a writable folder with space left"
        ) from error
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def _why_not_written(error: Exception) -> str | None:
    """Say why the disk or the name prevented writing; None for other errors."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    text = " ".join(str(error).split())
    if isinstance(error, ValueError):  # a name with a NUL
        return text if "null" in text else None
    # torch has a writer of its own, which knows no number of an error
    of_torch = "inline_container" in text or "PytorchStreamWriter" in text
    return f"is the disk full? ({text[:80]})" if of_torch else None


@functools.lru_cache(maxsize=4096)
def _sweep_once(folder: Path) -> None:
    """Sweep a folder once per process, as it may hold many files."""
    sweep(folder)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; bytes that are not UTF-8 become escapes.

    Bytes of a name that is not UTF-8 become escapes.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def writable_folder(path: Path, advice: str = "choose another --out") -> Path:
    """Create the folder `path` if needed; a DataError with `advice` if it is not writable."""
    probe = path / unfinished_name("probe")
    try:
        path.mkdir(parents=True, exist_ok=True)
        _sweep_once(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot write to {path}: {reason}; {advice}") from error
    return path


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """Open `writable_folder(path)` for a block; new folders that stay empty are removed again.

    A command that is refused thus leaves no folder behind, and no file of anybody's is deleted.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield writable_folder(path)
    finally:
        for folder in missing:  # the innermost first
            with suppress(OSError):
                folder.rmdir()


def check_regular(path: Path, kind: str) -> None:
    """Raise a DataError unless `path` is a file; `kind` names the expected kind in the message."""
    if (member := inside(path)) is not None:
        if entry_of(member) is None:
            raise DataError(f"no {kind} file {path}")
        return
    refuse_special(path)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise DataError(f"no {kind} file {path}") from None
    except (OSError, ValueError) as error:  # a link to itself; a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from None
    if is_folder:
        raise DataError(f"cannot read {path}: it is a folder")


def is_there(path: Path) -> bool:
    """Say whether a file exists; False for impossible names, or in a locked folder."""
    try:
        member = inside(path)
        return path.is_file() if member is None else entry_of(member) is not None
    except (OSError, ValueError, DataError):
        return False


def read_file(path: Path) -> bytes:
    """Return the bytes of a file or of an archive's member; an OSError or a DataError if
    impossible.
    """
    member = inside(path)
    return path.read_bytes() if member is None else read_entry(member)


def file_size(path: Path) -> int:
    """Return the size of a file or of an archive's member; an OSError if it does not exist."""
    member = inside(path)
    if member is None:
        return path.stat().st_size
    entry = entry_of(member)
    if entry is None:
        raise FileNotFoundError(errno.ENOENT, "no such file in its archive", str(path))
    return entry.size


def read_json(path: Path) -> Any:
    """Read a JSON file; a FileNotFoundError, or a DataError if it is not JSON."""
    refuse_special(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    return parse_json(text, str(path))


def parse_json(text: str | bytes, source: str) -> Any:
    """Parse a JSON text; a DataError that names its `source` if it is not JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise DataError(f"cannot read {source}: it is nested too deeply") from None
    except ValueError as error:  # also a number of more digits than Python converts
        raise DataError(f"cannot read {source}: {error}") from None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal; an OSError if it cannot be read or never ends.

    For one in an archive a DataError where that cannot be read.
    """
    if (member := inside(path)) is not None:
        entry = entry_of(member)
        known = "" if entry is None else entry.sha256
        return known or hashlib.sha256(read_entry(member)).hexdigest()
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """Return `$BENCH_CACHE`, or `lesb-plugin` in the platform's cache folder; it may not exist yet.

    A ConfigError where neither is named and there is no home folder.
    """
    try:
        if chosen := os.environ.get("BENCH_CACHE"):
            return Path(chosen).expanduser()
        return _platform_cache() / "lesb-plugin"
    except RuntimeError as error:  # a user without an entry, as in containers
        raise ConfigError(f"no cache folder: {error}; {CACHE_ADVICE}") from None


def cache_or_scratch() -> Path:
    """Return the cache folder or, if it is not writable, a temporary one for this process, and why.

    For files that the rest of a run reads; a line says that they will be computed again.
    """
    try:
        return writable_folder(cache_dir(), CACHE_ADVICE)
    except BenchError as error:
        return _scratch(str(error))


@functools.cache
def _scratch(reason: str) -> Path:
    folder = ExitStack()
    path = folder.enter_context(scratch_folder("cache"))
    atexit.register(folder.close)
    tell(f"note: nothing is stored for later runs: {reason}")
    return path


def weights_dir() -> Path:
    """Return the folder of weights files: `$BENCH_WEIGHTS`, or `weights` in the cache folder."""
    if chosen := os.environ.get("BENCH_WEIGHTS"):
        return expanded(chosen)
    return cache_dir() / "weights"


def expanded(text: str | Path) -> Path:
    """Expand `~` and `~user` in a path; unchanged if there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
