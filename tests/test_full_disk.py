"""Commands on a disk that is really full: one sentence with the folder, and nothing is lost.

The disk is a small one in memory; where that cannot be mounted, these tests are left out.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.cli import main
from registry.leftovers import is_unfinished
from tests.campaigns.trial import COMMANDS, make_data

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system of Linux"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, an artefact, and a folder `on` from which the commands are given."""
    folder = tmp_path_factory.mktemp("inputs")
    make_data(folder)
    (folder / "on").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "on")
        assert main([*COMMANDS["fit"], "--out", "../fitted"]) == 0
    return folder / "on"


@pytest.fixture
def disk(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Eight megabytes, empty; everything else has space."""
    folder = tmp_path / "disk"
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        subprocess.run(line, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk in memory may not be mounted here")
    monkeypatch.chdir(place)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, free: int) -> None:
    """Write until `free` bytes are left."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - free)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "filler")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(line: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(line) == 2
    *notes, said = capsys.readouterr().err.splitlines()
    assert not [line for line in notes if line.startswith(("error", "Traceback"))]
    assert said.startswith("error: cannot write")
    assert str(folder) in said
    assert "No space left on device" in said or "is the disk full?" in said
    assert not [path for path in folder.rglob("*") if is_unfinished(path.name)]


@pytest.mark.parametrize("free", [0, 8 << 10])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_folder_of_results_is_one_sentence(
    disk: Path, capsys: pytest.CaptureFixture[str], name: str, free: int
) -> None:
    (disk / "earlier.txt").write_text("whole")
    fill(disk, free)
    refused([*COMMANDS[name], "--out", str(disk / "out")], disk, capsys)
    assert (disk / "earlier.txt").read_text() == "whole"


@pytest.mark.parametrize("name", ["fit", "train"])
def test_a_full_folder_for_what_is_temporary_is_one_sentence(
    disk: Path, capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    monkeypatch.setenv("TMPDIR", str(disk))
    fill(disk, 0)
    style = ["--style", "../easy.yaml"]  # whose faces are kept there while it is fitted
    refused([*COMMANDS[name], *style, "--out", str(tmp_path / "out")], disk, capsys)
    assert contents(disk) == {}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["eval", "audit", "explain"])
def test_a_full_cache_costs_time_and_no_more(
    disk: Path, capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("BENCH_CACHE", str(disk))
    fill(disk, 0)
    assert main([*COMMANDS[name], "--out", str(tmp_path / "out")]) == 0
    assert "error" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["eval", "fit"])
def test_what_was_there_before_is_as_it_was(
    disk: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    line = [*COMMANDS[name], "--out", str(disk / "out")]
    assert main(line) == 0
    before = contents(disk)
    fill(disk, 0)
    refused([*line, "--overwrite"], disk, capsys)
    after = contents(disk)
    assert [
        file for file in before if after.get(file) != before[file] and "chunks" not in file
    ] == []


def test_a_report_that_cannot_be_written_leaves_the_one_before(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMANDS["eval"], "--out", str(disk / "out")]) == 0
    before = contents(disk)
    fill(disk, 0)
    refused(["report", str(disk / "out"), "--write"], disk, capsys)
    assert contents(disk) == before
