"""A folder has one owner at a time, and a process that was killed is none."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import registry.owner
from registry.errors import ConfigError
from registry.fingerprints import fingerprint
from registry.owner import LOCK, owned, owned_folder

# Owns a folder, says so, and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from registry.owner import owned
with owned(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(120)
"""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def record(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / LOCK).read_text()))


@pytest.fixture
def lock_of(tmp_path: Path) -> Callable[..., Path]:
    """A lock as this process would write it, with some of it changed."""

    def write(*, age: float = 0, **changed: object) -> Path:
        path = tmp_path / LOCK
        path.unlink(missing_ok=True)
        with owned(tmp_path):
            there = record(tmp_path)
        path.write_text(json.dumps({**there, "token": "another", **changed}))
        then = time.time() - age
        os.utime(path, (then, then))
        return path

    return write


def test_the_lock_names_its_owner_and_goes_with_the_block(tmp_path: Path) -> None:
    with owned(tmp_path):
        there = record(tmp_path)
        assert (there["host"], there["pid"]) == (socket.gethostname(), os.getpid())
        assert there["started"]
        assert names(tmp_path) == [LOCK]
    assert names(tmp_path) == []
    with pytest.raises(KeyError), owned(tmp_path):
        raise KeyError
    assert names(tmp_path) == []


def test_a_second_process_is_told_who_owns_it_until_the_first_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    there = record(tmp_path)
    told = rf"in use by process {process.pid} on {socket.gethostname()}, started at "
    with pytest.raises(ConfigError, match=told + there["started"][:10]) as caught, owned(tmp_path):
        pass
    assert str(caught.value).endswith(f"delete {tmp_path / LOCK}")
    assert record(tmp_path) == there
    process.send_signal(signal.SIGKILL)
    wait_for_zombie(process.pid)  # it has ended, though nobody has asked for its exit code
    with owned(tmp_path):
        assert record(tmp_path)["pid"] == os.getpid()
    process.communicate()
    assert f"note: took over {tmp_path} from process {process.pid}" in capsys.readouterr().err
    assert names(tmp_path) == []


def wait_for_zombie(pid: int) -> None:
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.02)


def test_another_process_of_the_same_number_is_not_the_owner(
    tmp_path: Path, lock_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lock_of(pid=os.getppid(), life="1")
    with owned(tmp_path):
        pass
    assert "took over" in capsys.readouterr().err
    lock_of()  # of this very process: a run in another thread
    with pytest.raises(ConfigError, match="in use"), owned(tmp_path):
        pass


@pytest.mark.parametrize("changed", [{"host": "elsewhere"}, {"place": "another container"}])
def test_an_owner_that_cannot_be_asked_is_gone_when_it_is_silent(
    tmp_path: Path,
    lock_of: Callable[..., Path],
    changed: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock_of(age=300, pid=2**22 + 1, **changed)
    later = r"in use by process 4194305 .* once bench.lock is 10 minutes old \(now 30\d s;"
    with pytest.raises(ConfigError, match=later), owned(tmp_path):
        pass
    assert names(tmp_path) == [LOCK]
    lock_of(age=900, pid=2**22 + 1, **changed)
    with owned(tmp_path):
        pass
    assert "took over" in capsys.readouterr().err


def test_a_job_that_slurm_starts_again_waits_until_the_lost_owner_is_silent(
    tmp_path: Path,
    lock_of: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(registry.owner, "_LOOK", 0.01)
    monkeypatch.setattr(registry.owner, "_SILENT", 300.2)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")  # a first start
    lock_of(age=300, host="lost")
    with pytest.raises(ConfigError, match="in use by"), owned(tmp_path):
        pass
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    begun = time.monotonic()
    lock_of(age=300, host="lost")
    with owned(tmp_path):
        assert record(tmp_path)["host"] == socket.gethostname()
    assert 0.1 < time.monotonic() - begun < 20
    assert "on lost, started" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["renews", "removes"])
def test_a_job_that_slurm_starts_again_waits_for_no_owner_that_is_there(
    tmp_path: Path, lock_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(registry.owner, "_LOOK", 0.01)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    lock = lock_of(age=20, host="elsewhere")
    act = lock.unlink if what == "removes" else partial(os.utime, lock)
    timer = threading.Timer(0.1, act)
    timer.start()
    if what == "renews":
        with pytest.raises(ConfigError, match="in use by"), owned(tmp_path):
            pass
    else:
        with owned(tmp_path):
            assert record(tmp_path)["host"] == socket.gethostname()
    timer.join()


def test_an_owner_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.owner, "_BEAT", 0.01)
    with owned(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        end = time.monotonic() + 20
        while (tmp_path / LOCK).stat().st_mtime < 1e9:
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 3}'])
def test_a_lock_that_nobody_has_finished_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(registry.owner, "_PAUSE", 0)
    (tmp_path / LOCK).write_text(text)
    with owned(tmp_path):
        pass
    assert names(tmp_path) == []


def test_who_has_lost_a_folder_leaves_the_lock_of_the_next(
    tmp_path: Path, lock_of: Callable[..., Path]
) -> None:
    with owned(tmp_path):
        text = json.dumps({**record(tmp_path), "token": "another"})
        (tmp_path / LOCK).write_text(text)
    assert (tmp_path / LOCK).read_text() == text


def test_a_claim_to_a_lock_that_is_not_finished_is_given_up_in_time(
    tmp_path: Path, lock_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process that was killed while it took over."""
    monkeypatch.setattr(registry.owner, "_PAUSE", 0)
    lock = lock_of(life="1")
    there = registry.owner._read(lock)
    claim = tmp_path / f"{LOCK}.{fingerprint(asdict(there))[:16]}"  # type: ignore[arg-type]
    claim.touch()
    with pytest.raises(ConfigError, match="other processes are waiting for"), owned(tmp_path):
        pass
    os.utime(claim, (0, 0))
    with owned(tmp_path):
        pass
    assert names(tmp_path) == []


def test_a_lock_that_went_and_came_again_is_not_taken_over(
    tmp_path: Path, lock_of: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process gives the folder up as we read, and a third one owns it as we look again."""
    lock = lock_of()
    text = lock.read_text()
    monkeypatch.setattr(registry.owner, "_read", lambda _: None)
    with pytest.raises(ConfigError, match="other processes are waiting for"), owned(tmp_path):
        pass
    assert lock.read_text() == text


def test_an_empty_lock_is_another_than_the_empty_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.owner, "_PAUSE", 0)
    lock = tmp_path / LOCK
    lock.touch()
    first = registry.owner._read(lock)
    assert first == registry.owner._read(lock)
    (tmp_path / "new").touch()
    (tmp_path / "new").replace(lock)
    assert first != registry.owner._read(lock)


def test_a_file_system_without_second_names_has_locks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with owned(tmp_path):
        assert record(tmp_path)["pid"] == os.getpid()
        with pytest.raises(ConfigError, match="in use by process"), owned(tmp_path):
            pass
    assert names(tmp_path) == []


def test_of_many_that_find_a_lock_left_behind_one_at_a_time_owns_the_folder(
    tmp_path: Path, lock_of: Callable[..., Path]
) -> None:
    inside, most, won = [0], [0], [0]
    count = threading.Lock()

    def enter(gate: threading.Barrier) -> None:
        gate.wait()
        try:
            with owned(tmp_path):
                with count:
                    inside[0] += 1
                    won[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.02)
                with count:
                    inside[0] -= 1
        except ConfigError:
            pass

    for _ in range(10):
        lock_of(life="1")
        gate = threading.Barrier(8)
        threads = [threading.Thread(target=enter, args=(gate,)) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert names(tmp_path) == []
    assert most[0] == 1
    assert won[0] >= 10


def test_the_first_of_several_ranks_owns_the_folder_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be(rank: int) -> None:
        variables = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
        for name, value in zip(variables, (rank, 2, rank, "localhost", 1), strict=True):
            monkeypatch.setenv(name, str(value))

    run = tmp_path / "new" / "run"
    be(1)
    with owned_folder(run) as folder:
        assert folder == run
        assert not (tmp_path / "new").exists()
    be(0)
    with owned_folder(run):
        assert names(run) == [LOCK]
        with pytest.raises(ConfigError, match="in use by process"), owned_folder(run):
            pass
        be(1)
        with owned_folder(run):
            assert names(run) == [LOCK]
        assert names(run) == [LOCK]
    assert not (tmp_path / "new").exists()
