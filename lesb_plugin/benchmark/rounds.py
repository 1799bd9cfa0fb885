"""Times of several ways to do one thing, taken in turn so that a busy machine slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["CLOCKS", "Timed", "Way", "in_turn"]

Way = Callable[[], object]
CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True, slots=True)
class Timed:
    """Median seconds of one way, and the median over rounds of its time over the first way's."""

    seconds: float
    ratio: float


def in_turn(
    ways: Mapping[str, Way],
    rounds: int,
    clock: Callable[[], float],
    after_each: Callable[[], object] = lambda: None,
) -> dict[str, Timed]:
    """Time every way once per round, after a run of each that is not counted."""
    for way in ways.values():
        way()
        after_each()
    laps: list[list[float]] = []
    for _ in range(rounds):
        laps.append([])
        for way in ways.values():
            start = clock()
            way()
            laps[-1].append(clock() - start)
            after_each()
    times = np.maximum(laps, 1e-9)  # (rounds, ways); a coarse clock may show 0
    seconds = np.median(times, axis=0).tolist()
    ratios = np.median(times / times[:, :1], axis=0).tolist()
    return {
        name: Timed(spent, ratio) for name, spent, ratio in zip(ways, seconds, ratios, strict=True)
    }
