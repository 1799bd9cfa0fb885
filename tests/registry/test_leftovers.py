"""What killed processes have left is swept, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.errors import DataError
from registry.files import replacing, write_text
from registry.leftovers import is_unfinished, scratch_folder, sweep, unfinished_name

# Writes half a file and a scratch folder, and dies of it.
KILLED = """
import os, signal, sys
from pathlib import Path
from registry.files import replacing
from registry.leftovers import scratch_folder
with replacing(Path(sys.argv[1]) / "results.json") as path, scratch_folder("fit") as folder:
    path.write_text("half")
    (folder / "faces").write_text("much")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed(folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", KILLED, folder], env=environment, check=False)
    assert done.returncode < 0


def test_the_next_write_into_a_folder_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(tmp_path)
    assert len([name for name in names(tmp_path) if is_unfinished(name)]) == 2
    (tmp_path / ".hidden.partial").write_text("somebody's")
    write_text(tmp_path / "other.json", "{}")
    assert names(tmp_path) == [".hidden.partial", "other.json"]


def test_the_next_scratch_folder_sweeps_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("fit") as folder:
        assert names(tmp_path) == [folder.name]
    assert names(tmp_path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by /proc")
def test_a_process_whose_exit_code_nobody_has_asked_for_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        left = unfinished_name("x").replace(f"-{os.getpid()}-", f"-{process.pid}-")
        (tmp_path / left).write_text("half")
        sweep(tmp_path)
        assert names(tmp_path) == []


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    parent = unfinished_name("x").replace(f"-{os.getpid()}-", f"-{os.getppid()}-")
    (tmp_path / parent).write_text("half")
    with replacing(tmp_path / "mine") as path:
        path.write_text("half")
        sweep(tmp_path)
        assert path.exists()
    assert names(tmp_path) == sorted([parent, "mine"])


def test_of_another_machine_only_what_is_old_is_taken_away(tmp_path: Path) -> None:
    for name, age in ((".a.elsewhere-1-0.partial", 0), (".b.elsewhere-1-0.partial", 2)):
        (tmp_path / name).write_text("half")
        then = time.time() - age * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    sweep(tmp_path)
    assert names(tmp_path) == [".a.elsewhere-1-0.partial"]


def test_names_as_long_as_a_name_can_be_are_written(tmp_path: Path) -> None:
    for name in ("\u4eba" * 85, "x" * 255):
        write_text(tmp_path / name, "whole")
        assert (tmp_path / name).read_text() == "whole"
    for name in ("x" * 256, "a\0b"):
        with pytest.raises(DataError, match="cannot write"):
            write_text(tmp_path / name, "")


def test_a_full_scratch_folder_names_tmpdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    full = pytest.raises(DataError, match=f"cannot write to {tmp_path}: No space.*set TMPDIR")
    with full, scratch_folder("fit"):
        raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="other"), scratch_folder("fit"):
        raise OSError(2, "no such", str(tmp_path.parent / "other"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file" / "x"))
    with pytest.raises(DataError, match="set TMPDIR"), scratch_folder("fit"):
        pass
