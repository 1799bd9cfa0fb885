"""Two runs that want one folder: the first is at work, or it has ended and left its lock."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

from registry.owner import LOCK, owned

__all__ = ["IN_USE", "TAKEN_OVER", "leave_lock"]

IN_USE = re.compile(
    rf"is in use by process {os.getpid()} on {re.escape(socket.gethostname())}, started at \d{{4}}"
)
TAKEN_OVER = re.compile(r"note: took over .* from process \d+ on .*, which ended early")


def leave_lock(folder: Path) -> None:
    """Write the lock of a process that has ended into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with owned(folder):
        there = json.loads((folder / LOCK).read_text())
    (folder / LOCK).write_text(json.dumps({**there, "life": "of another process"}))
