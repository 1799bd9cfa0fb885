"""Catch what C libraries write to standard error, to report it with the file it concerns."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["caught_lines"]

_STDERR = 2
_lock = threading.Lock()  # the descriptor belongs to the whole process


@contextmanager
def caught_lines(is_caught: Callable[[str], bool]) -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the lines written meanwhile that `is_caught`
    accepts.

    Only one block runs at a time; others wait. All other output is passed on when the block
    ends.
    """
    lines: list[str] = []
    with _lock, tempfile.TemporaryFile() as file:
        original = os.dup(_STDERR)
        try:
            os.dup2(file.fileno(), _STDERR)
            yield lines
        finally:
            os.dup2(original, _STDERR)
            file.seek(0)
            for line in file.read().splitlines(keepends=True):
                text = line.decode(errors="replace").strip()
                if is_caught(text):
                    lines.append(text)
                elif text:
                    os.write(original, line)
            os.close(original)
