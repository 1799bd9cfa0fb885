"""Processes of torchrun share the videos of `bench prepare`; its files are those of one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.campaigns.trial import make_data
from tests.shared.ranked import environment
from tests.shared.torchrun import BENCH, TORCHRUN, run

VIDEOS = 6  # of one frame each


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    make_data(folder)
    return folder / "data"


def line(data: Path, out: Path, *more: str) -> list[str]:
    words = [*BENCH, "prepare", str(data), "--crop-from", "landmarks", "--split", "train"]
    return [*words, "--size", "64", "--workers", "1", "--out", str(out), *more]


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_two_ranks_leave_the_files_of_one_process_also_when_one_is_killed(
    data: Path, tmp_path: Path
) -> None:
    """The second time over what other settings have left, which is not taken for finished."""
    one, two = tmp_path / "one" / "set", tmp_path / "two" / "set"
    variables = environment(tmp_path / "plugin")
    assert run([sys.executable, *line(data, one, "--quiet")], variables).returncode == 0
    done = run([*TORCHRUN, *line(data, two)], variables)
    assert done.returncode == 0, done.stderr
    assert content(one) == content(two)
    assert done.stdout.count("videos prepared now: 6, finished before: 0") == 1
    assert done.stderr.count(f"{VIDEOS}/{VIDEOS}") == 1  # one bar, of all videos

    crop = two / "set/set_real/frames/real_0/000.png"
    before = crop.stat().st_mtime_ns
    crop.write_bytes(b"damaged")
    killed = environment(tmp_path / "plugin", BENCH_TEST_KILL_FILE="1:6")
    done = run([*TORCHRUN, "--max-restarts", "1", *line(data, two, "--overwrite")], killed)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plugin" / "log.killed").exists()
    assert content(one) == content(two)
    assert crop.stat().st_mtime_ns != before
    (before,) = [
        int(each.partition("finished before: ")[2])
        for each in done.stdout.splitlines()
        if "finished before" in each
    ]
    assert 0 < before < VIDEOS
