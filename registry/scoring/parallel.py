"""Several batches computed at once, on the cores of a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from registry.contracts.detector import Detector
from registry.contracts.traits import traits_of
from registry.memory import has_one_arena

if TYPE_CHECKING:
    from registry.contracts.embedder import Embedder

__all__ = ["BatchStreams", "streams_for"]

R = TypeVar("R")
_MOST = 4  # every stream holds the activations of a batch


@dataclass(frozen=True, slots=True)
class BatchStreams:
    """How many batches are computed at once; 1: each in the thread that asks for it."""

    count: int = 1

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Give threads that share torch's threads among them, until the block ends."""
        if self.count == 1:
            yield _Inline()
            return
        import torch

        before = torch.get_num_threads()
        settle = partial(torch.set_num_threads, max(1, before // self.count))
        try:
            with ThreadPoolExecutor(self.count, "stream", initializer=settle) as pool:
                yield pool
        finally:
            torch.set_num_threads(before)  # MKL's number is that of the process


def streams_for(detector: Detector, embedder: Embedder | None) -> BatchStreams:
    """Return several streams for torch on a CPU, if detector and backbone are `concurrent`.

    One batch on all cores waits at every layer for the core that reads a frame beside it:
    EfficientNet-Lite0 evaluates 1.1 times as fast with a batch for each of two cores. That needs
    memory which threads use in turn.
    """
    if embedder is None or embedder.device.type != "cpu" or embedder.engine is not None:
        return BatchStreams()
    backbone = getattr(embedder.backbone, "concurrent", False)
    if not (backbone and traits_of(detector).concurrent and has_one_arena()):
        return BatchStreams()
    import torch

    return BatchStreams(min(_MOST, torch.get_num_threads()))


class _Inline(Executor):
    """Runs every call at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
