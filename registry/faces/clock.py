"""Measure the seconds that each stage takes, over any number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["StageClock", "timed"]

T = TypeVar("T")


class StageClock:
    """Seconds spent by stage, in the order in which stages first ran.

    Seconds of several threads are added up, so that their sum may exceed the elapsed time.
    Stages must not be nested. `now` is the clock: wall time or CPU time.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count the time of the block for `stage`, also if it fails."""
        started = self._now()
        try:
            yield
        finally:
            seconds = self._now() - started
            with self._lock:
                self._spent[stage] = self._spent.get(stage, 0.0) + seconds

    @property
    def spent(self) -> dict[str, float]:
        """Return the seconds by stage so far."""
        with self._lock:
            return dict(self._spent)


def timed(call: Callable[[], T], clock: Callable[[], float]) -> tuple[T, float]:
    """Return what a call gives, and the seconds that it takes by a clock."""
    started = clock()
    found = call()
    return found, clock() - started
