"""Freed memory is used again where the C library is glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from registry.backbones.device import reuse_freed_memory
if sys.argv[1] == "reuse":
    assert reuse_freed_memory() and reuse_freed_memory()
for _ in range(20):
    b'x' * (64 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_large_arrays_fault_their_pages_in_once() -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", _FAULTS, mode]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    # 20 times 64 MiB are 320,000 pages of 4 KiB; used again, a twentieth of them.
    assert faults("reuse") < 0.3 * faults("plain")
