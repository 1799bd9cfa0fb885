"""Freed memory is used again, by all threads, where the C library is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from registry.memory import reuse_freed_memory
if sys.argv[1] == "reuse":
    assert reuse_freed_memory() and reuse_freed_memory()
for _ in range(20):
    b'x' * (64 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""

_ARENAS = """
import sys, threading
from registry.memory import has_one_arena, share_one_arena
if sys.argv[1] == "share":
    assert share_one_arena()
assert has_one_arena()
block = lambda: held.append(bytearray(100_000))
held = []
for thread in [threading.Thread(target=block) for _ in range(4)]:
    thread.start()
    thread.join()
print(has_one_arena())
"""
needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the C library is not glibc"
)


@needs_glibc
@pytest.mark.parametrize(("mode", "one"), [("share", "True"), ("plain", "False")])
def test_threads_share_an_arena_if_they_come_later(mode: str, one: str) -> None:
    command = [sys.executable, "-c", _ARENAS, mode]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == one


@pytest.mark.slow
@needs_glibc
def test_large_arrays_fault_their_pages_in_once() -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", _FAULTS, mode]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    # 20 times 64 MiB are 320,000 pages of 4 KiB; used again, a twentieth of them.
    assert faults("reuse") < 0.3 * faults("plain")
