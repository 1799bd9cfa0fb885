"""What ranks exchange, each as torchrun starts it: `python -m tests.shared.exchanges FOLDER`."""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from registry import ranks
from registry.shared_work import map_shared, shared_bar


def exchanged() -> dict[str, Any]:
    """By the name of a function what this rank has got."""
    rank = ranks.this_rank()
    rng = np.random.default_rng(rank.number)
    sums = ranks.add_up([rng.random((2, 3)), np.array([rank.number, 1.0])])
    with shared_bar("items", total=5) as advance:
        advance(1 + rank.number)
    return {
        "gather": ranks.gather(f"of {rank.number}"),
        "gather_at_first": ranks.gather_at_first(rank.number),
        "of_first": ranks.of_first({"rank": rank.number}),
        "add_up": [each.tolist() for each in sums],
        "map_shared": map_shared(lambda item: [item, rank.number], range(5), "calls", quiet=True),
        "counted": _counted(rank.number),
        "was_begun": ranks.was_begun("this"),
        "restarts": rank.restarts,
    }


def _counted(number: int) -> int:
    ranks.counted("visits", 1 + number)
    ranks.wait_for_all()
    return ranks.counted("visits", 0)


def _threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 0


def main() -> None:
    rank, folder, before = ranks.this_rank(), Path(sys.argv[1]), _threads()
    more = folder / f"threads_{rank.number}_{rank.restarts}"
    atexit.register(lambda: more.write_text(str(_threads() - before)))  # called last
    found = exchanged()
    (folder / f"{rank.number}_{rank.restarts}.json").write_text(json.dumps(found))
    ranks.wait_for_all()
    if not rank.restarts:
        if rank.first:
            ranks.mark_begun("this")
        ranks.wait_for_all()
        if rank.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        ranks.wait_for_all()
    importlib.import_module("torch._dynamo")  # as torch's optimisers do


if __name__ == "__main__":
    main()
