"""Give a folder one owner, by a lock that names it and that a killed process does not keep.

The lock is a file that either is created or exists already, which every file system, networked
or not, decides for a single process. fcntl's locks are not used, as some file systems only
pretend to have them.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry.console import tell
from registry.errors import ConfigError, DataError
from registry.files import opened_folder, write_text
from registry.fingerprints import fingerprint
from registry.leftovers import life_of, unfinished_name
from registry.ranks import this_rank

__all__ = ["LOCK", "owned", "owned_folder"]

LOCK = "bench.lock"

_BEAT = 30.0  # seconds between two signs of life
_SILENT = 600.0  # seconds without one, after which an owner that cannot be asked counts as gone
_LOOK = 5.0  # seconds between two looks at a lock that is waited for
_PAUSE = 0.1  # seconds for another process to finish what it does with a lock
_ATTEMPTS = 5  # of processes that want one folder at once, each but one finds an owner soon


@dataclass(frozen=True, slots=True)
class _Owner:
    """The owner of a lock; `life` distinguishes a process from another with its number, "" if
    unknown.
    """

    host: str
    pid: int
    started: str
    place: str
    life: str
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, started at {self.started}"

    def to_text(self) -> str:
        """Return the content of the lock."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def here(cls) -> _Owner:
        """Return the owner for the calling process."""
        return cls(
            host=socket.gethostname(),
            pid=os.getpid(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            place=_place(),
            life=life_of(os.getpid()),
            token=uuid.uuid4().hex,
        )


@dataclass(frozen=True, slots=True)
class _Nobody:
    """The owner of a lock without a name: identifies the file and its last change."""

    file: int
    changed: int

    def __str__(self) -> str:
        return "a run"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own an existing folder until the block ends.

    A ConfigError names another owner. What an owner that is gone has left is taken over, which a
    line tells: a process of this machine that has ended, or one of another machine that has
    given no sign of life for ten minutes.
    """
    path, owner = folder / LOCK, _Owner.here()
    _acquire(path, owner)
    over = threading.Event()
    threading.Thread(target=_live, args=(path, owner, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if _read(path) == owner:
            path.unlink(missing_ok=True)


@contextmanager
def owned_folder(path: Path) -> Iterator[Path]:
    """Open a folder for a block, as `opened_folder` does, and own it: the folder of one run.

    A ConfigError names the run that is at work there. Of the processes that torchrun starts, the
    first owns the folder for all; the others open nothing.
    """
    if not this_rank().first:
        yield path
        return
    with opened_folder(path) as folder, owned(folder):
        yield folder


def _acquire(path: Path, owner: _Owner) -> None:
    for _ in range(_ATTEMPTS):
        if _create(path, owner.to_text()):
            return
        there = _read(path)
        if there is None:
            continue  # given up just now
        if isinstance(there, _Owner) and not _is_gone(path, there):
            if _falls_silent(path, there):
                continue
            raise _refused(path, there)
        if _take_over(path, there, owner):
            tell(f"note: took over {path.parent} from {there}, which ended early")
            return
    raise ConfigError(f"other processes are waiting for {path.parent} too; choose another --out")


def _refused(path: Path, there: _Owner) -> ConfigError:
    later = (
        ""
        if _can_ask(there)
        else f"; else this command takes the folder over once {path.name} is {_SILENT / 60:.0f}"
        f" minutes old (now {_silence(path):.0f} s; a run that is at work renews it every"
        f" {_BEAT:.0f} s)"
    )
    return ConfigError(
        f"{path.parent} is in use by {there}; wait for it, or choose another --out. If"
        f" that run has certainly ended, delete {path}{later}"
    )


def _falls_silent(path: Path, there: _Owner) -> bool:
    """Wait for the lock of a lost machine to be old enough, in a job that SLURM has started again.

    False at once elsewhere, and as soon as the owner gives a sign of life.
    """
    if _can_ask(there) or os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
        return False
    silence = _silence(path)
    left = max(0.0, _SILENT - silence)
    tell(f"note: waiting {left:.0f} s for a sign of life: {path.parent} belongs to {there}")
    while silence <= _SILENT:
        time.sleep(_LOOK)
        before, silence = silence, _silence(path)
        if _read(path) != there:
            return True
        if silence < before:
            return False
    return True


def _create(path: Path, text: str) -> bool:
    """Create a file with its text unless it exists; say whether it was created.

    The text is written under another name, of which the file becomes a second one. Where the file
    system knows no second names (FAT, some of a network's), the file is empty for a moment.
    """
    draft = path.with_name(unfinished_name(path.name))
    try:
        draft.write_text(text, encoding="utf-8")
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError:
            return _create_empty(path, text)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return True


def _create_empty(path: Path, text: str) -> bool:
    """Create a file unless it exists, then write into it; say whether it was created."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> _Owner | _Nobody | None:
    """Read the owner of a lock; nobody if it has had no name for a second, None if it is gone.

    Nobody's lock has an identity too: another that is empty as well is not the same lock.
    """
    nobody = None
    for _ in range(10):
        try:
            facts = path.stat()
            nobody = _Nobody(file=facts.st_ino, changed=facts.st_mtime_ns)
            return _Owner(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, TypeError, ValueError):  # not written yet, or cut short by a full disk
            time.sleep(_PAUSE)
    return nobody


def _is_gone(path: Path, there: _Owner) -> bool:
    """Say whether the owner has ended: known on this machine, else inferred from its silence."""
    return not _is_alive(there) if _can_ask(there) else _silence(path) > _SILENT


def _can_ask(there: _Owner) -> bool:
    """Say whether the owner is, or was, a process of this machine whose life can be looked up."""
    same = there.host == socket.gethostname() and there.place == _place()
    return same and sys.platform != "win32"  # where asking a process means to interrupt it


def _is_alive(there: _Owner) -> bool:
    try:
        os.kill(there.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # there is one, of somebody else
        pass
    return life_of(there.pid) == there.life


def _silence(path: Path) -> float:
    """Return the seconds since a file was last touched, by the file system's own clock."""
    probe = path.with_name(unfinished_name(LOCK))
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _take_over(path: Path, there: _Owner | _Nobody, owner: _Owner) -> bool:
    """Replace the lock left by `there` with this owner's; return False if that lock is gone.

    A claim to that very lock, which only one process can create, decides who does so. That
    process checks the lock once more before it replaces it, so that no newer lock is removed.
    """
    claim = path.with_name(f"{LOCK}.{fingerprint(asdict(there))[:16]}")
    if not _create(claim, ""):
        time.sleep(_PAUSE)
        if _silence(claim) > _SILENT:  # of a process that was killed here
            claim.unlink(missing_ok=True)
        return False
    try:
        if _read(path) != there:
            return False
        write_text(path, owner.to_text())
        return True
    finally:
        claim.unlink(missing_ok=True)


def _live(path: Path, owner: _Owner, over: threading.Event) -> None:
    """Update the lock's time regularly, as a sign of life to other machines."""
    while not over.wait(_BEAT):
        if _read(path) != owner:
            return
        with suppress(OSError):
            os.utime(path)


def _place() -> str:
    """Return where a process number is valid: this boot of the machine, in this container."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path
    except OSError:
        return ""
