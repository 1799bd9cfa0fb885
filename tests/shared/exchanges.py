"""What ranks exchange, each as torchrun starts it: `python -m tests.shared.exchanges FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.distributed as dist

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
        "in_use": [
            _in_use_after(lambda: ranks.gather(list(range(1000))), 100),
            _in_use_after(lambda: ranks.gather_at_first("text"), 100),
            _in_use_after(lambda: ranks.of_first(b"bytes"), 100),
            _in_use_after(lambda: ranks.add_up([np.zeros(3)]), 100),
        ],
    }


def _in_use_after(exchange: Callable[[], object], times: int) -> int:
    """How many of several exchanges leave a tensor that another thread has yet to drop."""
    exchanges, found = ("all_gather", "gather", "broadcast", "all_reduce"), 0
    for _ in range(times):
        with ExitStack() as patches:
            spies = [
                patches.enter_context(patch.object(dist, name, wraps=getattr(dist, name)))
                for name in exchanges
            ]
            exchange()
            calls = [call for spy in spies for call in spy.call_args_list]
            tensors = [each for call in calls for value in call.args for each in _tensors(value)]
            assert tensors
            found += any(each._use_count() > 1 for each in tensors)
    return found


def _tensors(value: object) -> list[Any]:
    every = value if isinstance(value, list) else [value]
    return [each for each in every if isinstance(each, torch.Tensor)]


def _counted(number: int) -> int:
    ranks.counted("visits", 1 + number)
    ranks.wait_for_all()
    return ranks.counted("visits", 0)


def main() -> None:
    rank, folder = ranks.this_rank(), Path(sys.argv[1])
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


if __name__ == "__main__":
    main()
