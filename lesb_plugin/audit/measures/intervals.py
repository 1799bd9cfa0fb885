"""Values with 95 % intervals, all from one set of bootstrap draws over identities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry import CountedFigure, draw_weights, interval

__all__ = ["Draws", "Figure", "Statistic", "of_share", "overlap"]

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]  # weights (D, n) of faces -> (D,), NaN where undefined


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its interval; None if there is none, with the reason."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


class Draws:
    """How often each of n faces occurs in each draw; a cluster is all faces of one identity."""

    def __init__(
        self,
        fake: NDArray[np.int64],
        identity: NDArray[np.int64],
        draws: int,
        rng: np.random.Generator,
    ) -> None:
        blocks = list(draw_weights(fake, identity, draws, rng)) if draws else []
        self._weights = [block.astype(np.float64) for block in blocks]
        self._ones = np.ones((1, len(fake)))
        self._identity = identity

    def people(self, faces: NDArray[np.bool_] | NDArray[np.int64]) -> int:
        """Return of how many people faces are, given as flags (n,) or as rows (m,)."""
        return len(np.unique(self._identity[faces]))

    def figure(self, statistic: Statistic) -> Figure:
        """Return the statistic of the sample, and where 95 % of the draws lie."""
        value = float(statistic(self._ones)[0])
        if np.isnan(value):
            return Figure(reason="no face has a value for it")
        values = [statistic(block) for block in self._weights]
        found = interval(np.concatenate(values) if values else np.empty(0))
        return Figure(value, found.low, found.high, found.reason)


def of_share(flags: NDArray[np.bool_], reason: str = "") -> Figure:
    """Return the share of flags (n,) that are set, and its exact interval.

    Faces are treated as independent, even those of one person.
    """
    low, high = CountedFigure.ends_of_share(int(flags.sum()), len(flags))
    return Figure(float(flags.mean()), low, high, reason)


def overlap(one: Figure, other: Figure) -> bool:
    """Say whether two intervals have a point in common; False if one is missing."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.low <= other.high and other.low <= one.high
