"""Commands that torchrun starts, and what is compared of the runs that they leave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from registry.leftovers import is_unfinished
from registry.owner import LOCK
from registry.results.predictions import PREDICTIONS
from registry.results.result import Result

__all__ = ["BENCH", "TORCHRUN", "evaluation", "faults_of", "run"]

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
BENCH = ["-m", "registry"]


def evaluation(data: Path, out: Path, *more: str) -> list[str]:
    """The line of an evaluation with the plugin of `tests.shared.ranked`."""
    line = [*BENCH, "eval", "--detector", "ranked", "--backbone", "tiny"]
    line += ["--dataset", str(data), "--out", str(out), "--chunk", "3", "--batch-size", "2"]
    return [*line, "--device", "cpu", "--draws", "50", *more]


def run(line: Sequence[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, env=variables, capture_output=True, text=True, check=False, timeout=900
    )


def faults_of(one: Path, other: Path) -> Iterator[str]:
    """In what the folder of a run differs from that of another with the same data."""
    if found := Result.load(other).differences(Result.load(one)):
        yield f"results differ: {found[0]}"
    names = [{path.name for path in folder.iterdir()} for folder in (one, other)]
    if names[0] != names[1]:
        yield f"files differ: {sorted(names[0] ^ names[1])}"
    same = [PREDICTIONS, *(f"chunks/{path.name}" for path in (one / "chunks").iterdir())]
    for name in same:
        if (one / name).read_bytes() != (other / name).read_bytes():
            yield f"{name} differs"
    if (other / LOCK).exists():
        yield "the folder is still owned"
    left = [path.name for path in other.rglob("*") if is_unfinished(path.name)]
    if left:
        yield f"{left[0]} is left"
