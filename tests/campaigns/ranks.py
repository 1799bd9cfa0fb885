"""SIGKILLs of ranks: torchrun starts all of them again, and the numbers are those of one process.

Run by hand, from the repository:

    python -m tests.campaigns.ranks [--kills 20] [--per-run 4] [--seed 0]

One process evaluates undisturbed. Then two gloo ranks do so, and of these one or the other is
killed at random moments, several times in a run. Afterwards predictions, chunks and results are
those of the one process, byte for byte; chunks that were finished when a rank was killed were not
made again; nothing is left of the processes. The exit code is 1 where one of it is not so.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.shared.ranked import environment
from tests.shared.still_backbone import write_data
from tests.shared.torchrun import TORCHRUN, evaluation, faults_of, run

__all__ = ["Disturbed", "campaign", "main"]

_PEOPLE = 60  # twice as many frames
_PAUSE = 0.2  # seconds that a rank takes for two frames at least
_START = 10.0  # seconds that processes take to begin with their work, about
_MOST_CHUNKS = 8  # that are finished between two kills; a run has 40
_PATIENCE = 900.0  # seconds


@dataclass
class Disturbed:
    """Which rank was killed, how many seconds after it was started, and what is wrong then."""

    kills: list[tuple[int, float]] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)  # that were finished at each kill
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        pairs = zip(self.kills, self.chunks, strict=True)
        killed = ", ".join(
            f"rank {rank} after {at:.1f} s with {done} chunks" for (rank, at), done in pairs
        )
        return f"{killed}; {self.seconds:.0f} s: {'; '.join(self.faults) or 'good'}"


def _disturbed_run(folder: Path, data: Path, kills: int, rng: np.random.Generator) -> Disturbed:
    """Two ranks in `folder`, of which one is killed so often; the files are not judged."""
    found = Disturbed()
    variables = environment(folder / "plugin", BENCH_TEST_PAUSE=str(_PAUSE))
    line = [*TORCHRUN, "--max-restarts", str(kills)]
    began = time.monotonic()
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [*line, *evaluation(data, folder / "run", "--quiet")],
            env=variables, stdout=output, stderr=output,
        )  # fmt: skip
        with _ended(process):
            finished = _kill(process, folder / "run", kills, rng, found)
            code = process.wait(_PATIENCE)
    found.seconds = time.monotonic() - began
    if code:
        found.faults.append(f"exit code {code}: {(folder / 'output').read_text()[-600:]}")
    anew = [path for path, at in finished.items() if path.stat().st_mtime_ns != at]
    found.faults += [f"{path.name} was made again" for path in anew]
    return found


def _kill(
    process: subprocess.Popen[bytes],
    run_folder: Path,
    kills: int,
    rng: np.random.Generator,
    found: Disturbed,
) -> Mapping[Path, int]:
    """Times of the chunks that were finished at some kill."""
    finished: dict[Path, int] = {}
    for restarts in range(kills):
        rank = int(rng.integers(2))
        victim = _rank(process, rank, restarts)
        if victim is None:
            break
        started = time.monotonic()
        _wait(process, run_folder, rng)
        with suppress(psutil.NoSuchProcess):
            victim.kill()
            chunks = _chunks(run_folder)
            finished = {path: path.stat().st_mtime_ns for path in chunks} | finished
            found.kills.append((rank, time.monotonic() - started))
            found.chunks.append(len(chunks))
    return finished


def _wait(process: subprocess.Popen[bytes], run_folder: Path, rng: np.random.Generator) -> None:
    """Until a moment of a run: one in five while it starts, the others while chunks are scored."""
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0, _START))
        return
    more = int(rng.integers(1, _MOST_CHUNKS + 1))
    before, end = len(_chunks(run_folder)), time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if len(_chunks(run_folder)) >= before + more:
            break
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 2 * _PAUSE))


def _chunks(run_folder: Path) -> list[Path]:
    return list((run_folder / "chunks").glob("[0-9]*.npz"))


def _rank(process: subprocess.Popen[bytes], rank: int, restarts: int) -> psutil.Process | None:
    """The process of a rank after so many restarts, once it is there; None when all is over."""
    wanted = {"RANK": str(rank), "TORCHELASTIC_RESTART_COUNT": str(restarts)}
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with suppress(psutil.Error):
            for child in psutil.Process(process.pid).children():
                if wanted.items() <= child.environ().items():
                    return child
        time.sleep(0.05)
    return None


class _ended:  # noqa: N801 - used like a function
    """Around a process: afterwards neither it nor one of its children is there."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: Any) -> None:
        if self._process.poll() is None:
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()
            self._process.kill()
            self._process.wait()


def campaign(folder: Path, kills: int, per_run: int, seed: int) -> Iterator[Disturbed]:
    """Runs until so many ranks were killed."""
    rng = np.random.default_rng(seed)
    data = write_data(folder / "data", people=_PEOPLE)
    variables = environment(folder / "plugin", BENCH_TEST_PAUSE=str(_PAUSE))
    whole = run([sys.executable, *evaluation(data, folder / "whole", "--quiet")], variables)
    assert whole.returncode == 0, whole.stderr
    done = 0
    while done < kills:
        place = folder / f"run_{done}"
        place.mkdir()
        found = _disturbed_run(place, data, min(per_run, kills - done), rng)
        if not found.faults:
            found.faults += faults_of(folder / "whole", place / "run")
        done += max(1, len(found.kills))
        yield found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-run", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    every = []
    try:
        for number, found in enumerate(campaign(folder, args.kills, args.per_run, args.seed)):
            sys.stdout.write(f"run {number + 1}: {found}\n")
            sys.stdout.flush()
            every.append(found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    faults = sum(len(found.faults) for found in every)
    killed = sum(len(found.kills) for found in every)
    sys.stdout.write(f"{killed} ranks killed in {len(every)} runs, {faults} faults\n")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
