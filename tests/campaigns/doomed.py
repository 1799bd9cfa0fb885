"""Death by SIGKILL just before the file number N takes its place.

BENCH_DOOM=N says which, counted from 1 over all processes of a command, in the size of the file
BENCH_DOOM_COUNT; with 0 nobody dies, and that size tells how many there are. BENCH_DOOM_PROCESS is
the command itself, which dies with the worker whose rename it is. Workers import this module too.
"""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["count_renames"]

_replace = os.replace


def count_renames() -> None:
    """Count from now on what takes its place in this process, and die of number N."""
    os.replace = _doomed  # what Path.replace calls


def _doomed(*args: Any, **settings: Any) -> None:
    counter = os.open(os.environ["BENCH_DOOM_COUNT"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(counter, b".")
    number = os.fstat(counter).st_size
    os.close(counter)
    if number == int(os.environ["BENCH_DOOM"]):
        os.kill(int(os.environ["BENCH_DOOM_PROCESS"]), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    _replace(*args, **settings)


if "BENCH_DOOM" in os.environ:
    count_renames()
