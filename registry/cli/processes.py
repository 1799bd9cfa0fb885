"""Processes that are ended: what is said then, and workers that never outlive their parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.connection import Connection

__all__ = ["Terminated", "end_with_parent", "on_interrupt", "terminating", "worker_pool"]


class Terminated(KeyboardInterrupt):
    """SIGTERM: the process ends as on Ctrl-C."""


@contextmanager
def terminating() -> Iterator[None]:
    """Raise Terminated on SIGTERM in the block, so that workers end and files are removed.

    Only in the main thread, and if SIGTERM has no other handler yet.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def on_interrupt(words: Callable[[], str]) -> Iterator[None]:
    """Let `bench` add `words()` to its line after Ctrl-C or SIGTERM in the block: what is finished,
    and how to go on.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"; {words()}")
        raise


@contextmanager
def worker_pool(
    count: int, begin: Callable[..., object], *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Start processes that call `begin(*arguments)` first; they end at once if the block fails.

    Each waits on a pipe from this process and ends when it is closed: by this block, or by the
    system when this process is killed.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # No fork: detectors and decoders hold threads, which do not survive one.
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        count, context, initializer=_begin, initargs=(reader, begin, arguments)
    )
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        writer.close()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        writer.close()
        reader.close()


def end_with_parent() -> None:
    """End a worker of another pool when its parent process is gone."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        _in_background(parent.join)


def _begin(pipe: Connection, begin: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the run
    _in_background(pipe.recv_bytes)
    begin(*arguments)


def _in_background(wait: Callable[[], object]) -> None:
    """End this process silently when `wait` returns."""

    def end() -> None:
        with suppress(EOFError, OSError):
            wait()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
