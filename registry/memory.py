"""Large arrays on a CPU: memory that was freed is used again instead of being given back."""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["reuse_freed_memory"]

# glibc's malloc.h: numbers of the parameters of mallopt.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


@functools.cache
def reuse_freed_memory() -> bool:
    """Let this process keep what it frees; False where the C library is not glibc.

    By default glibc maps every array above 32 MiB anew and unmaps it again, so that each activation
    of a batch costs a page fault per 4 KiB: half of the time of a training step of
    EfficientNet-Lite0 (tests/benchmarks/train_step.py). The process stays as large as it once was.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
