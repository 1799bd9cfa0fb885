"""Share work among the processes of one torchrun: each does its part, one bar shows all of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from registry.console import ProgressBar, progress_bar
from registry.ranks import counted, dealt_back, gather, this_rank, wait_for_all

__all__ = ["map_shared", "shared_bar", "shared_progress"]

T = TypeVar("T")
R = TypeVar("R")

_INTERVAL = 0.5  # seconds between two messages
_numbers = itertools.count()  # of bars: every rank has the same ones, in the same order


def map_shared(
    call: Callable[[T], R], items: Sequence[T], label: str, *, unit: str = "it", quiet: bool = False
) -> list[R]:
    """Call `call` with every item under a bar; return the results in the order of the items.

    With several ranks, each calls it with its own items and gets the results of all.
    """
    mine = (items[at] for at in this_rank().share(range(len(items))))
    found = [
        call(item)
        for item in shared_progress(mine, label, total=len(items), unit=unit, quiet=quiet)
    ]
    return dealt_back(gather(found))


def shared_progress(
    mine: Iterable[T], label: str, *, total: int, unit: str = "it", quiet: bool = False
) -> Iterator[T]:
    """Yield from this rank's own items under a bar of the `total` of all ranks."""
    with shared_bar(label, total=total, unit=unit, quiet=quiet) as advance:
        for item in mine:
            yield item
            advance(1)


@contextmanager
def shared_bar(
    label: str, *, total: int, done: int = 0, unit: str = "it", quiet: bool = False
) -> Iterator[ProgressBar]:
    """Give a bar that every rank advances by its own items, and the first rank shows.

    It ends when all ranks have come to the end of the block. `done` were finished before.
    """
    rank = this_rank()
    with progress_bar(
        label, total=total, done=done, unit=unit, quiet=quiet or not rank.first
    ) as advance:
        if rank.count == 1:
            yield advance
            return
        count = _SharedCount(f"bar/{next(_numbers)}", advance)
        yield count
        count.send()
        wait_for_all(count.show)
        count.show()


class _SharedCount:
    """Items of this rank that the others do not know of yet, and those that the bar shows."""

    def __init__(self, name: str, bar: ProgressBar) -> None:
        self._name, self._bar = name, bar
        self._mine = self._visible = 0
        self._sent = time.monotonic()

    def __call__(self, count: int, figures: str = "") -> None:
        self._mine += count
        if figures:
            self._bar(0, figures)
        if time.monotonic() - self._sent > _INTERVAL:
            self.show()

    def send(self) -> int:
        """Report to the other ranks, and return what all have done."""
        every = counted(self._name, self._mine)
        self._mine, self._sent = 0, time.monotonic()
        return every

    def show(self) -> None:
        """Advance the bar to what all have done."""
        every = self.send()
        self._bar(every - self._visible)
        self._visible = every
