"""Memory of a process whose C library is glibc: freed memory is used again, by all threads."""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["has_one_arena", "reuse_freed_memory", "share_one_arena"]

# glibc's malloc.h: numbers of the parameters of mallopt.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def share_one_arena() -> bool:
    """Let threads that are still to come allocate from the first one's arena; False without glibc.

    An arena of their own consists of heaps of 64 MiB, which are given back when they are empty: two
    threads that each pass batches of 16 through EfficientNet-B4 took 1.7 times as long with them.
    Arenas that are there already go on being used, so this comes before any thread does.
    """
    return _set(_ARENA_MAX, 1)


def has_one_arena() -> bool:
    """Say whether all threads allocate from one arena; False where that cannot be known."""
    libc = _glibc()
    if libc is None:
        return False
    text, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.open_memstream.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    try:
        return ctypes.string_at(text, size.value).count(b"<heap nr=") == 1
    finally:
        libc.free(text)


@functools.cache
def reuse_freed_memory() -> bool:
    """Let this process keep what it frees; False where the C library is not glibc.

    By default glibc maps every array above 32 MiB anew and unmaps it again, so that each activation
    of a batch costs a page fault per 4 KiB: half of the time of a training step of
    EfficientNet-Lite0 (tests/benchmarks/train_step.py). The process stays as large as it once was.
    """
    return _set(_MMAP_MAX, 0) and _set(_TRIM_THRESHOLD, 2**31 - 1)


def _set(parameter: int, value: int) -> bool:
    libc = _glibc()
    return libc is not None and bool(libc.mallopt(parameter, value))


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_info") else None
