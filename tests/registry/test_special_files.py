"""A pipe or a device is refused by its kind, before anybody waits for what it will never send."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from registry.errors import DataError
from registry.special_files import refuse_special


def test_what_may_never_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe is not a file but a device, a pipe or a socket"):
        refuse_special(tmp_path / "pipe")
    with pytest.raises(DataError, match="/dev/null is not a file"):
        refuse_special(Path("/dev/null"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(DataError, match="socket is not a file"):
            refuse_special(tmp_path / "socket")


def test_files_folders_and_what_is_not_there_are_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", ".", "absent", "a\0b"):
        refuse_special(tmp_path / name)
