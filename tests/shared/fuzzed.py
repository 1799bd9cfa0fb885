"""Readers fed with foreign bytes: what each call may cost, and how bytes are damaged.

Few examples, always the same; BENCH_FUZZ=1000 runs as many of each kind, drawn anew, and tells at
the end how many inputs were read, how long the slowest took and how much memory the largest.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from registry.errors import BenchError

__all__ = ["EDITS", "MANY", "NUMBERS", "VALUES", "WORDS", "calmly", "damaged", "few"]

MANY = int(os.environ.get("BENCH_FUZZ", "0"))
MOST_SECONDS, MOST_BYTES = 10, 1 << 30
few = settings(
    max_examples=MANY or 40,
    derandomize=not MANY,
    database=None,
    deadline=None,  # `calmly` has one for each call
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = st.text(max_size=8) | st.sampled_from(
    ["", "fake", "0", "\0", "\x1b[2J", "=1", "\u202e", "x" * 300]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, -1, 10**30, 0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4)


@dataclass
class _Figures:
    inputs: int = 0
    seconds: float = 0.0
    grown: int = 0

    def __str__(self) -> str:
        mebibytes = self.grown / 2**20
        return (
            f"fuzzed: {self.inputs} inputs, slowest {self.seconds:.2f} s,"
            f" most memory {mebibytes:.0f} MiB\n"
        )


_figures = _Figures()
if MANY:
    atexit.register(lambda: sys.__stderr__ and sys.__stderr__.write(str(_figures)))


def calmly(read: Callable[..., Any], *args: Any) -> None:
    """A value or a refusal is right; another exception, 10 seconds or a gigabyte fail the test."""
    before, started = _begin_peak(), time.monotonic()
    with suppress(BenchError, FileNotFoundError):
        read(*args)
    seconds, grown = time.monotonic() - started, _status("VmHWM") - before
    _figures.inputs += 1
    _figures.seconds = max(_figures.seconds, seconds)
    _figures.grown = max(_figures.grown, grown)
    assert seconds < MOST_SECONDS, f"{read.__name__} took {seconds:.1f} s"
    assert grown < MOST_BYTES, f"{read.__name__} took {grown >> 20} MiB"


def damaged(whole: bytes, edits: list[tuple[float, bytes]], kept: float) -> bytes:
    """Cut to a share, then overwritten in places."""
    content = bytearray(whole[: max(1, round(kept * len(whole)))])
    for where, new in edits:
        at = int(where * len(content))
        content[at : at + len(new)] = new
    return bytes(content)


def _begin_peak() -> int:
    """Resident bytes now; Linux counts the peak from here on."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    """Bytes of this process, 0 where the system does not tell."""
    with suppress(OSError), open("/proc/self/status") as lines:  # noqa: PTH123 - twice as fast
        return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), 0)
    return 0
