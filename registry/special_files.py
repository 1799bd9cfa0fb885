"""Files that are no data: devices, pipes and sockets, which a reader would wait for without end."""

from __future__ import annotations

import stat
from pathlib import Path

from registry.errors import DataError

__all__ = ["refuse_special"]


def refuse_special(path: Path) -> None:
    """Raise a DataError for a device, a pipe or a socket: reading one may never end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # opening it will tell
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f"{path} is not a file but a device, a pipe or a socket; name a file")
