"""Read objects from the stores of `fsspec` (s3://, gs://, ...), from start to end.

A failed read continues, after a pause, from the byte that it had reached. A few objects are
cached as files of this process, for readers of parts.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from registry.console import byte_count, tell
from registry.errors import ConfigError, DataError
from registry.leftovers import scratch_folder
from registry.urls import url_of

__all__ = [
    "Transfers",
    "end_fetches_by",
    "fetch_copy",
    "object_names",
    "opened_copy",
    "read_object",
    "told_transfers",
    "transfers",
]

_BLOCK = 8 << 20  # bytes asked for at once
_TRIES = 5  # without a byte in between
_PAUSE = 0.5  # seconds after the first failure; twice as many after each further one
_MOST_COPIES = 4  # files at a time; frames are read in the order of their archives


@dataclass(frozen=True, slots=True)
class Transfers:
    """What this process has read from stores: objects, bytes, and failed reads."""

    objects: int = 0
    bytes: int = 0
    retries: int = 0


def read_object(url: str) -> bytes:
    """Read a small object; a FileNotFoundError if there is none, else a DataError with the
    reason.
    """
    return b"".join(_blocks(url))


@contextmanager
def opened_copy(url: str) -> Iterator[BinaryIO]:
    """Open a local copy of an object, fetched whole on first use.

    A FileNotFoundError if there is none, else a DataError with the reason.
    """
    with _copies.opened(url) as file:
        yield file


def fetch_copy(url: str, wanted: Callable[[], bool]) -> None:
    """Fetch the copy that `opened_copy` will open, where it is still `wanted` at its turn.

    Errors as above; an object that cannot be read is not asked for again when it is opened.
    """
    _copies.fetch(url, wanted)


def end_fetches_by(stop: threading.Event) -> None:
    """End reads of the calling thread with a DataError, at the next block, once `stop` is set."""
    _thread.stop = stop


def object_names(pattern: str) -> list[str]:
    """List URLs of the objects that match a pattern with `*`, in order; errors as above."""
    last: Exception | None = None
    for attempt in range(_TRIES):
        _pause(attempt)
        try:
            store, path = _store(pattern)
            return sorted(url_of(str(store.unstrip_protocol(name))) for name in store.glob(path))
        except (ConfigError, DataError):
            raise
        except Exception as error:  # noqa: BLE001 - of whatever client a store has
            last = error
    raise _unreadable(pattern, last)


def transfers() -> Transfers:
    """Return what has been read so far."""
    return _counted.total


@contextmanager
def told_transfers() -> Iterator[None]:
    """Report at the end of the block what was read in it, if anything."""
    before = transfers()
    try:
        yield
    finally:
        now = transfers()
        read, retries = now.bytes - before.bytes, now.retries - before.retries
        if read or retries:
            what = f"{byte_count(read)} in {now.objects - before.objects} objects"
            tell(f"note: read from object stores: {what}, retries: {retries}")


# --- reading ----------------------------------------------------------------------------------


class _Thread(threading.local):
    """What a thread knows for itself: the event that ends its reads."""

    stop: threading.Event | None = None


class _EndedError(DataError):
    """Nobody waits for this object any more."""


_thread = _Thread()


class _TransferCount:
    """Adds up transfers of several threads; unreadable objects by URL."""

    def __init__(self) -> None:
        self.total = Transfers()
        self._lock = threading.Lock()
        self.faults: dict[str, DataError] = {}  # thousands of frames must not each wait again

    def add(self, objects: int = 0, read: int = 0, retries: int = 0) -> None:
        """Count one more transfer."""
        with self._lock:
            was = self.total
            self.total = Transfers(was.objects + objects, was.bytes + read, was.retries + retries)


_counted = _TransferCount()


def _blocks(url: str) -> Iterator[bytes]:
    """Yield the bytes of an object in order; after a failure, from where it stopped."""
    if url in _counted.faults:
        raise _counted.faults[url]
    done, failed = 0, 0
    last: Exception | None = None
    while failed < _TRIES:
        _pause(failed)
        try:
            with _opened(url) as source:
                source.seek(done)
                while block := _read(source):
                    done, failed = done + len(block), 0
                    _counted.add(read=len(block))
                    yield block
                _check_whole(source, done)
            _counted.add(objects=1)
            return
        except (FileNotFoundError, ConfigError, _EndedError):
            raise
        except PermissionError as error:
            last = error
            break
        except Exception as error:  # noqa: BLE001 - of whatever client a store has
            last, failed = error, failed + 1
            _counted.add(retries=int(failed < _TRIES))
    _counted.faults[url] = _unreadable(url, last)
    raise _counted.faults[url]


def _read(source: Any) -> bytes:
    _check_wanted()
    return bytes(source.read(_BLOCK))


def _check_wanted() -> None:
    if _thread.stop is not None and _thread.stop.is_set():
        raise _EndedError("ended before it was read")


def _check_whole(source: Any, done: int) -> None:
    size = getattr(source, "size", None)
    if isinstance(size, int) and done < size:
        raise EOFError(f"it ended after {done} of {size} bytes")


def _pause(failed: int) -> None:
    """Wait after a failure, or until nobody waits for the object any more."""
    seconds = _PAUSE * 2 ** (failed - 1) if failed else 0
    if seconds and _thread.stop is not None:
        _thread.stop.wait(seconds)
    elif seconds:
        time.sleep(seconds)
    _check_wanted()


def _unreadable(url: str, error: Exception | None) -> DataError:
    """Build the error; it advises another try only where that can help."""
    text = " ".join(str(error).split())[:300]
    often = "" if isinstance(error, PermissionError) else f" after {_TRIES} tries"
    return DataError(f"cannot read {url}{often}: {type(error).__name__}: {text}")


def _opened(url: str) -> Any:
    store, path = _store(url)
    return store.open(path, "rb", block_size=_BLOCK)


def _store(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it; a ConfigError if a package is missing."""
    if not _has_fsspec():
        raise ConfigError(
            f"{url} is read by the package fsspec, which is not installed:"
            " pip install 'lesb-plugin[remote]'"
        )
    from fsspec.core import url_to_fs

    try:
        store, path = url_to_fs(url)
    except (ImportError, ValueError) as error:  # no package for this store; no such protocol
        raise ConfigError(f"{url} cannot be read here: {error}") from None
    return store, str(path)


def _has_fsspec() -> bool:
    try:
        return importlib.util.find_spec("fsspec") is not None
    except ValueError:  # a module that was switched off
        return False


# --- copies -----------------------------------------------------------------------------------


class _Copies:
    """Local copies of the objects used last; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._number = 0

    @contextmanager
    def opened(self, url: str) -> Iterator[BinaryIO]:
        with self._turn(url):
            file = self._fetched(url)
        with file:
            yield file

    def fetch(self, url: str, wanted: Callable[[], bool]) -> None:
        with self._turn(url):
            if wanted():
                self._fetched(url).close()

    def _turn(self, url: str) -> threading.Lock:
        """Return the lock of an object: whoever has it fetches, and the others find a copy."""
        with self._lock:
            return self._fetching.setdefault(url, threading.Lock())

    def _fetched(self, url: str) -> BinaryIO:
        """Return an open file: it can be read to its end even if it is deleted meanwhile."""
        with self._lock:
            if url in self._files:
                self._files.move_to_end(url)
                return self._files[url].open("rb")
            self._number += 1
            path = _folder() / f"{self._number}"
        try:
            with path.open("wb") as file:
                for block in _blocks(url):
                    file.write(block)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return self._added(url, path)

    def _added(self, url: str, path: Path) -> BinaryIO:
        with self._lock:
            file = path.open("rb")
            self._files[url] = path
            while len(self._files) > _MOST_COPIES:
                _, oldest = self._files.popitem(last=False)
                oldest.unlink(missing_ok=True)
        return file


_copies = _Copies()


@functools.cache
def _folder() -> Path:
    folder = ExitStack()
    path = folder.enter_context(scratch_folder("objects"))
    atexit.register(folder.close)
    return path
