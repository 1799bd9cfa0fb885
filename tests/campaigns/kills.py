"""SIGKILLs over eval, fit, prepare, train, explain and audit: nothing is lost, nothing doubled.

Run by hand, from the repository; 50 of them take about half an hour:

    python -m tests.campaigns.kills [--kills 50] [--seed 0] [--only eval ...]

Each command runs undisturbed first. Then it is killed, by turns at a random moment and just before
a file takes its place, and run again. Afterwards no process of it lives, no temporary file is
left, what was whole before the second run still is, and the files are those of the undisturbed run:
the same names, and the same bytes but for times. The exit code is 1 where one of it is not so.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.campaigns import doomed

if TYPE_CHECKING:
    from tests.campaigns.trial import Verdict

__all__ = ["doomed", "kills", "main"]

COMMANDS = ("eval", "fit", "prepare", "train", "explain", "audit")


def kills(folder: Path, count: int, seed: int, names: Sequence[str]) -> list[Verdict]:
    """`count` of them, the commands by turns; each line is printed as soon as it is known."""
    from tests.campaigns.trial import Trial, set_up  # torch: of no use to workers, who come by here

    rng = np.random.default_rng(seed)
    set_up(folder)
    trials = {name: Trial.undisturbed(folder, name) for name in names}
    found = []
    for number in range(count):
        trial = trials[names[number % len(names)]]
        turn = number // len(names)
        if turn % 2:
            verdict = trial.killed_after(rng.uniform(0.05, 1.0) * trial.seconds, number)
        else:
            verdict = trial.killed_before_rename(turn // 2 % trial.renames + 1, number)
        sys.stdout.write(f"{number + 1:3d} {verdict}\n")
        sys.stdout.flush()
        found.append(verdict)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=COMMANDS)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())  # no TemporaryDirectory: each fork would take it away
    try:
        found = kills(folder, args.kills, args.seed, args.only)
    finally:
        shutil.rmtree(folder)
    faults = [fault for verdict in found for fault in verdict.faults]
    died = sum(verdict.died for verdict in found)
    sys.stdout.write(f"{len(found)} kills, {died} while it ran, {len(faults)} faults\n")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
