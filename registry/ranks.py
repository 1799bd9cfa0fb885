"""Processes that torchrun has started together: which one this is, and waiting for the others.

torchrun tells each process by environment variables who it is. The processes exchange nothing but
that they have come to a point; what they work on they take by their numbers.
"""

from __future__ import annotations

import atexit
import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from registry.errors import BenchError

__all__ = ["Rank", "first_goes_first", "this_rank", "wait_for_all"]

_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(days=30)  # torchrun ends those that wait when one of them fails
_INTERVAL = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Rank:
    """The `number`-th of `count` processes, from 0, and the `local`-th of those on its machine.

    `restarts` says how often torchrun has started them anew, because one of them had failed.
    """

    number: int = 0
    count: int = 1
    local: int = 0
    restarts: int = 0

    @property
    def first(self) -> bool:
        """Say whether this is the rank that writes and prints; true for a process that is alone."""
        return self.number == 0

    @property
    def prefix(self) -> str:
        """Return what its messages begin with; nothing for the first."""
        return "" if self.first else f"rank {self.number}: "

    def share(self, items: range) -> range:
        """Return the items that are this rank's own: every `count`-th."""
        return items[self.number :: self.count]


def this_rank() -> Rank:
    """Return the rank of this process, by its environment; the only one without torchrun."""
    number, count, local = (os.environ.get(name, "") for name in _NAMES[:3])
    numbers = all(each.isdecimal() for each in (number, count, local))
    if not numbers or not all(os.environ.get(name) for name in _NAMES):
        return Rank()
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
    return Rank(int(number), int(count), int(local), int(restarts) if restarts.isdecimal() else 0)


def wait_for_all(meanwhile: Callable[[], object] = lambda: None) -> None:
    """Return when every rank has called this; `meanwhile` is called now and then until then.

    A BenchError where another rank has ended and will not come.
    """
    if this_rank().count == 1:
        return
    import torch.distributed as dist

    try:
        _join()
        work = dist.barrier(async_op=True)
        while not work.is_completed():
            meanwhile()
            time.sleep(_INTERVAL)
        work.wait()
    except RuntimeError as error:
        raise BenchError(
            "another of torchrun's processes has ended; its message is above. Finished"
            " chunks are kept: run the same line again to continue (torchrun"
            " --max-restarts N does so automatically)"
        ) from error


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first rank alone through the block, then all others: they find done what it did."""
    first = this_rank().first
    if not first:
        wait_for_all()
    yield
    if first:
        wait_for_all()


@functools.cache
def _join() -> None:
    """Meet the other processes; by gloo, as tensors are never exchanged."""
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    store, number, count = next(rendezvous("env://", timeout=_PATIENCE))
    # torchrun keeps one store for all restarts: in the addresses of before nobody would be met
    store = dist.PrefixStore(f"bench/{this_rank().restarts}", store)  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=number, world_size=count, timeout=_PATIENCE)
    atexit.register(dist.destroy_process_group)
