"""The processes of one torchrun: which one this is, and how they exchange data.

torchrun tells each process by environment variables who it is; what they work on they take by their
numbers. Each function that exchanges something has to be called by every rank, in the same order.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import BenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.distributed.distributed_c10d import Store

__all__ = [
    "Rank",
    "add_up",
    "counted",
    "dealt",
    "dealt_back",
    "first_goes_first",
    "gather",
    "gather_at_first",
    "mark_begun",
    "meeting",
    "of_first",
    "this_rank",
    "wait_for_all",
    "was_begun",
]

T = TypeVar("T")
_MISSING: Any = object()
_LOST = re.compile(r"gloo|NCCL|Store|[Cc]onnection|Socket|[Tt]imed out")  # in torch's messages

_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(days=30)  # torchrun ends those that wait when one of them fails
_BLOCKS = 8  # of neighbours that a share consists of
_SHORTEST, _INTERVAL = 0.001, 0.5  # seconds between two looks at whether all have come


@dataclass(frozen=True, slots=True)
class Rank:
    """The `number`-th of `count` processes, from 0, and the `local`-th of those on its machine.

    `restarts` counts how often torchrun has restarted them after a failure.
    """

    number: int = 0
    count: int = 1
    local: int = 0
    restarts: int = 0

    @property
    def first(self) -> bool:
        """Say whether this rank writes and prints; true for a single process."""
        return self.number == 0

    @property
    def prefix(self) -> str:
        """Return the prefix of its messages; empty for the first rank."""
        return "" if self.first else f"rank {self.number}: "

    def share(self, items: range) -> range:
        """Return the items that are this rank's own: every `count`-th."""
        return items[self.number :: self.count]

    @property
    def head(self) -> int:
        """Return the number of the first rank on this machine."""
        return self.number - self.local


def dealt(items: Sequence[int], number: int, count: int) -> list[int]:
    """Return the `number`-th, from 0, of `count` shares, which differ by one item at most.

    Blocks of neighbours are dealt out in turn, eight to each share where there are as many: data
    is sorted by method or size, and neighbours are often in one archive, which is fetched whole.
    """
    block = max(1, len(items) // (_BLOCKS * count))
    whole = len(items) - len(items) % (block * count)
    mine = [at for at in range(whole) if at // block % count == number]
    return [items[at] for at in (*mine, *range(whole + number, len(items), count))]


def this_rank() -> Rank:
    """Return the rank of this process, from its environment; the only one without torchrun."""
    number, count, local = (os.environ.get(name, "") for name in _NAMES[:3])
    numbers = all(each.isdecimal() for each in (number, count, local))
    if not numbers or not all(os.environ.get(name) for name in _NAMES):
        return Rank()
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "")
    return Rank(int(number), int(count), int(local), int(restarts) if restarts.isdecimal() else 0)


def wait_for_all(meanwhile: Callable[[], object] = lambda: None) -> None:
    """Return when every rank has called this; `meanwhile` is called regularly until then.

    A BenchError if another rank has ended.
    """
    if this_rank().count == 1:
        return
    import torch.distributed as dist

    with meeting():
        work = dist.barrier(async_op=True)
        pause = _SHORTEST
        while not work.is_completed():
            meanwhile()
            time.sleep(pause)
            pause = min(2 * pause, _INTERVAL)
        work.wait()


def gather(value: T) -> list[T]:
    """Return what each rank gives, by rank; every rank gets all of it."""
    if this_rank().count == 1:
        return [value]
    import torch.distributed as dist

    wait_for_all()  # a signal ends this wait, and not one for an exchange
    with meeting():
        mine, sizes = _packed(value)
        theirs = [mine.new_empty(len(mine)) for _ in sizes]
        _exchange(dist.all_gather, theirs, mine)
    return _unpacked(theirs, sizes)


def gather_at_first(value: T) -> list[T] | None:
    """Return what each rank gives, by rank, in the first rank; None in the others."""
    rank = this_rank()
    if rank.count == 1:
        return [value]
    import torch.distributed as dist

    wait_for_all()
    with meeting():
        mine, sizes = _packed(value)
        theirs = [mine.new_empty(len(mine)) for _ in sizes] if rank.first else None
        _exchange(dist.gather, mine, theirs)
    return _unpacked(theirs, sizes) if theirs else None


def of_first(value: T) -> T:
    """Return what the first rank gives."""
    rank = this_rank()
    if rank.count == 1:
        return value
    import torch.distributed as dist

    wait_for_all()
    with meeting():
        mine, sizes = _packed(value if rank.first else None)
        _exchange(dist.broadcast, mine, 0)
    found: list[T] = _unpacked([mine], sizes)
    return found[0]


def add_up(arrays: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Sum what all ranks give for each array, by one all-reduce; new arrays of the same shapes.

    Every rank gets the same bits. They may differ in the last digits from those of another order.
    """
    import numpy as np

    flat = np.concatenate([each.ravel() for each in arrays])
    if this_rank().count > 1:
        import torch
        import torch.distributed as dist

        wait_for_all()
        with meeting():
            sums = torch.from_numpy(flat)
            _exchange(dist.all_reduce, sums)
    ends = np.cumsum([each.size for each in arrays])
    pieces = np.split(flat, ends[:-1])
    return [piece.reshape(each.shape) for piece, each in zip(pieces, arrays, strict=True)]


def dealt_back(shares: Sequence[Sequence[T]]) -> list[T]:
    """Return the items of all ranks in the order from which `Rank.share` dealt them out."""
    rounds = zip_longest(*shares, fillvalue=_MISSING)
    return [item for each in rounds for item in each if item is not _MISSING]


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Let the first rank through the block alone, then the others, which find its work done.

    Nothing may be exchanged within the block.
    """
    first = this_rank().first
    if not first:
        wait_for_all()
    yield
    if first:
        wait_for_all()


def counted(name: str, more: int) -> int:
    """Add to a number that all ranks share and return it; does not wait."""
    with meeting():
        return _join().add(f"bench/{this_rank().restarts}/{name}", more)


def mark_begun(name: str) -> None:
    """Remember, for as long as this torchrun lasts, that some work has begun; see `was_begun`."""
    if this_rank().count > 1:
        with meeting():
            _join().set(f"bench/begun/{name}", "1")


def was_begun(name: str) -> bool:
    """Say whether `mark_begun` was called before torchrun restarted the processes."""
    if not this_rank().restarts or this_rank().count == 1:
        return False
    with meeting():
        return bool(_join().check([f"bench/begun/{name}"]))


@contextmanager
def meeting() -> Iterator[None]:
    """Join the other processes; a BenchError if torch reports that another one has ended."""
    try:
        if this_rank().count > 1:
            _join()
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise BenchError(
            "another of torchrun's processes has ended; its message is above. Finished"
            " chunks are kept: run the same line again to continue (torchrun"
            " --max-restarts N does so automatically)"
        ) from error


def _packed(value: object) -> tuple[Tensor, list[int]]:
    """Return a value as bytes, as many as the longest of all ranks takes, and what each takes."""
    import torch
    import torch.distributed as dist

    rank = this_rank()
    own = torch.frombuffer(bytearray(pickle.dumps(value)), dtype=torch.uint8)
    lengths = torch.zeros(rank.count, dtype=torch.int64)
    lengths[rank.number] = len(own)
    _exchange(dist.all_reduce, lengths)
    sizes: list[int] = lengths.tolist()
    return torch.nn.functional.pad(own, (0, max(sizes) - len(own))), sizes


def _unpacked(packed: Sequence[Tensor], sizes: Sequence[int]) -> list[Any]:
    """Return the values of `packed`, of all ranks or of the first, which are this program's own."""
    own = (each[:size].numpy().tobytes() for each, size in zip(packed, sizes, strict=False))
    return [pickle.loads(each) for each in own]  # noqa: S301


def _exchange(
    collective: Callable[..., object], *given: Tensor | list[Tensor] | int | None
) -> None:
    """Call a function of torch.distributed; return when gloo's threads have dropped its tensors.

    A thread that drops a tensor last needs the interpreter. In a process that ends it does not get
    it any more: the process is aborted, or, with torch before 2.14, waits for its thread for ever.
    torch's own exchanges of objects (`all_gather_object`) leave their tensors to these threads.
    """
    from torch import Tensor

    collective(*given)
    lists = [each if isinstance(each, list) else [each] for each in given]
    tensors = [each for each in chain(*lists) if isinstance(each, Tensor)]
    while any(each._use_count() > 1 for each in tensors):  # type: ignore[attr-defined]
        time.sleep(_SHORTEST)


@functools.cache
def _join() -> Store:
    """Join the other processes; return a store that all of them see.

    What lies in memory goes by gloo, what lies on a GPU by NCCL, which connects on first use.
    """
    import torch.distributed as dist
    from torch.cuda import is_available
    from torch.distributed.rendezvous import rendezvous

    shared, number, count = next(rendezvous("env://", timeout=_PATIENCE))
    # torchrun keeps one store for all restarts: earlier addresses would lead nowhere
    own = dist.PrefixStore(f"bench/{this_rank().restarts}", shared)  # type: ignore[attr-defined]
    backends = "cpu:gloo,cuda:nccl" if is_available() and dist.is_nccl_available() else "gloo"
    dist.init_process_group(backends, store=own, rank=number, world_size=count, timeout=_PATIENCE)
    atexit.register(dist.destroy_process_group)
    return shared  # type: ignore[no-any-return]
