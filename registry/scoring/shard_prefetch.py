"""Fetch the next tar shard from an object store while frames of one are scored."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from registry.archives import archive_url
from registry.errors import BenchError
from registry.objects import end_fetches_by, fetch_copy
from registry.scoring.chunks import Unit

__all__ = ["ShardPrefetch"]


class ShardPrefetch:
    """Fetches the archives of `pieces` in the order in which these are read, always one ahead.

    To be used in a `with` block, in which `reading` surrounds each read. The next archive begins
    when one has been read from, so that no two of them share the network, and never a second
    ahead. What cannot be fetched is reported by the read that needs it. Local data has no thread.
    """

    def __init__(self, pieces: Sequence[Sequence[Unit]]) -> None:
        self._pieces = pieces
        self._changed = threading.Condition()
        self._begun: set[str] = set()  # archives that some read has asked for
        self._read: set[str] = set()  # of these, the ones in which a read has ended
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shard prefetch", daemon=True)
        self._remote = any(piece and archive_url(piece[0].frame.path) for piece in pieces)

    def __enter__(self) -> ShardPrefetch:
        if self._remote:
            self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._remote:
            self._thread.join()

    def stop(self) -> None:
        """End what is being fetched, also for reads of the threads that called `enlist`."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def enlist(self) -> None:
        """Let reads of the calling thread end with `stop`."""
        end_fetches_by(self._stop)

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Surround the read of a frame, which shows how far the reading threads are."""
        url = archive_url(path) if self._remote else ""
        if not url or url in self._read:
            yield
            return
        self._begun.add(url)
        try:
            yield
        finally:
            with self._changed:
                self._read.add(url)
                self._changed.notify_all()

    def _run(self) -> None:
        self.enlist()
        before = ""
        for url in self._archives():
            if before:
                if not self._wait_for(before):
                    return
                with suppress(BenchError, OSError):  # the read that needs it meets the same
                    fetch_copy(url, partial(self._is_new, url))
            before = url

    def _archives(self) -> Iterator[str]:
        """Yield the URL of each archive where it is read first."""
        met: set[str] = set()
        for piece in self._pieces:
            for unit in piece:
                url = archive_url(unit.frame.path)
                if url and url not in met:
                    met.add(url)
                    yield url

    def _wait_for(self, url: str) -> bool:
        """Wait until an archive has been read from; False if nothing more is to be fetched."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop.is_set() or url in self._read)
        return not self._stop.is_set()

    def _is_new(self, url: str) -> bool:
        """Say whether no read has asked for it: who does while it is fetched waits for the copy."""
        return url not in self._begun
