"""Name temporary files and folders so that a later run can tell whose they are and remove them.

A killed process leaves what it was writing. The name of an unfinished file holds machine and
process; once that process has ended, the next one that writes into the same folder removes it.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from registry.errors import DataError

__all__ = ["is_unfinished", "life_of", "scratch_folder", "sweep", "unfinished_name"]

_HOST = re.sub(r"[^A-Za-z0-9]+", "_", socket.gethostname())[:40] or "host"
_NAME = re.compile(r"\..*\.(?P<host>\w+)-(?P<process>\d+)-\d+\.partial")
_LONGEST = 120  # bytes of the name that is kept: a name has 255 at most
_A_DAY = 24 * 3600  # after which what another machine left on a shared disk is taken away too
_numbers = itertools.count()
_own: set[str] = set()  # unfinished names of this process


def unfinished_name(name: str) -> str:
    """Return a temporary name for a file or folder that becomes `name` when it is finished."""
    short = name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    name = f".{short}.{_HOST}-{os.getpid()}-{next(_numbers)}.partial"
    _own.add(name)
    return name


def is_unfinished(name: str) -> bool:
    """Say whether a file's name is one of `unfinished_name`, by any process."""
    return _NAME.fullmatch(name) is not None


def sweep(*folders: Path) -> None:
    """Remove what ended processes left unfinished directly in the folders."""
    for folder in folders:
        _sweep(folder)


def _sweep(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _NAME.fullmatch(entry.name)
            if found is None or entry.name in _own or not _is_left(entry, found):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.unlink(entry.path)  # noqa: PTH108 - of a DirEntry


@contextmanager
def scratch_folder(what: str) -> Iterator[Path]:
    """Make a folder in TMPDIR for large temporary files; removed after the block.

    Folders of killed processes are swept first. A DataError where there is none or it is full.
    """
    parent = folder = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - a name for an error
    try:
        parent = Path(tempfile.gettempdir())
        sweep(parent)
        folder = parent / unfinished_name(f"bench-{what}")
        folder.mkdir(mode=0o700)
        yield folder
    except OSError as error:
        if not _is_of(error, folder):
            raise
        reason = error.strerror or str(error)
        raise DataError(
            f"cannot write to {parent}: {reason}; set TMPDIR to a writable folder with space left"
        ) from error
    finally:
        if is_unfinished(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _is_of(error: OSError, folder: Path) -> bool:
    """Say whether an error concerns a file below `folder`, or a write, which names no file."""
    return error.filename is None or str(error.filename).startswith(str(folder))


def _is_left(entry: os.DirEntry[str], found: re.Match[str]) -> bool:
    """Say whether the process that was writing has ended."""
    if found["host"] != _HOST or sys.platform == "win32":
        with suppress(OSError):
            return time.time() - entry.stat(follow_symlinks=False).st_mtime > _A_DAY
        return False
    process = int(found["process"])
    if process == os.getpid():
        return True  # one of the same number, before: a container's processes start from 1
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # there is one, of somebody else
        return False
    # one that has ended may have its number until somebody asks for its exit code
    return Path("/proc/self/stat").exists() and not life_of(process)


def life_of(process: int) -> str:
    """Return when a process began, in the kernel's count; empty if unknown or ended.

    Empty if that is unknown, or if it has ended.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # from the third on: the second may hold anything
    return "" if fields[0] in "ZX" else fields[19]
