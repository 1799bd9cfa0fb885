"""Processes that torchrun starts share an evaluation; its results are those of one process."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from registry.results.result import Result
from tests.shared.ranked import environment
from tests.shared.still_backbone import write_data
from tests.shared.torchrun import TORCHRUN, evaluation, faults_of, run

FRAMES = 24


def scored(log: Path) -> Counter[str]:
    """Frames by the rank that has scored them."""
    counts: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        rank, frames = line.split()
        counts[rank] += int(frames)
    return counts


def assert_equal_runs(one: Path, other: Path) -> None:
    assert list(faults_of(one, other)) == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Data, and the run of one process on it."""
    folder = tmp_path_factory.mktemp("ranks")
    data = write_data(folder / "data", people=FRAMES // 2)
    line = evaluation(data, folder / "whole", "--quiet")
    done = run([sys.executable, *line], environment(folder / "plugin"))
    assert done.returncode == 0, done.stderr
    return data, folder / "whole"


@pytest.mark.slow
def test_two_ranks_leave_the_run_of_one_process(whole: tuple[Path, Path], tmp_path: Path) -> None:
    data, one = whole
    variables = environment(tmp_path / "plugin", BENCH_TEST_PAUSE="0.1")
    done = run([*TORCHRUN, *evaluation(data, tmp_path / "run")], variables)
    assert done.returncode == 0, done.stderr
    assert_equal_runs(one, tmp_path / "run")
    assert scored(tmp_path / "plugin" / "log") == {"0": FRAMES // 2, "1": FRAMES // 2}
    assert Result.load(tmp_path / "run").provenance.frames_scored == FRAMES
    assert done.stdout.count("run folder:") == 1
    assert done.stderr.count(f"{FRAMES}/{FRAMES}") == 1  # one bar, of all frames


@pytest.mark.slow
def test_two_ranks_choose_the_same_few_videos(whole: tuple[Path, Path], tmp_path: Path) -> None:
    line = evaluation(whole[0], tmp_path / "one", "--quiet", "--limit", "5")
    done = run([sys.executable, *line], environment(tmp_path / "plugin"))
    assert done.returncode == 0, done.stderr
    line = evaluation(whole[0], tmp_path / "two", "--quiet", "--limit", "5")
    done = run([*TORCHRUN, *line], environment(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    assert_equal_runs(tmp_path / "one", tmp_path / "two")
    assert Result.load(tmp_path / "two").provenance.frames_scored == 10


@pytest.mark.slow
@pytest.mark.parametrize("kill", ["0:6", "1:4"])
def test_a_killed_rank_is_started_again_and_finished_chunks_are_taken_over(
    whole: tuple[Path, Path], tmp_path: Path, kill: str
) -> None:
    data, one = whole
    variables = environment(tmp_path / "plugin", BENCH_TEST_KILL=kill)
    again = [*TORCHRUN, "--max-restarts", "1"]
    done = run([*again, *evaluation(data, tmp_path / "run", "--overwrite")], variables)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plugin" / "log.killed").exists()
    assert_equal_runs(one, tmp_path / "run")
    took = sum(scored(tmp_path / "plugin" / "log").values())
    assert FRAMES <= took < 2 * FRAMES
    assert Result.load(tmp_path / "run").provenance.frames_scored < FRAMES


@pytest.mark.slow
def test_ranks_share_a_shard_and_say_who_has_an_error(
    whole: tuple[Path, Path], tmp_path: Path
) -> None:
    data, one = whole
    variables = environment(tmp_path / "plugin")
    parts = [tmp_path / "1", tmp_path / "2"]
    line = evaluation(data, parts[0], "--shard", "1/2", "--quiet")
    done = run([*TORCHRUN, *line], variables)
    assert done.returncode == 0, done.stderr
    line = evaluation(data, parts[1], "--shard", "2/2", "--quiet")
    assert run([sys.executable, *line], variables).returncode == 0
    merge = [sys.executable, "-m", "registry", "merge", *map(str, parts), "--quiet"]
    done = run([*merge, "--out", str(tmp_path / "merged")], variables)
    assert done.returncode == 0, done.stderr
    assert_equal_runs(one, tmp_path / "merged")
    done = run([*TORCHRUN, "-m", "registry", "merge", "x", "--out", "y"], variables)
    assert done.returncode != 0
    assert re.search(r"^error: `bench merge` runs in a single process", done.stderr, re.MULTILINE)
    assert "rank 1: error: `bench merge` runs in a single process" in done.stderr
