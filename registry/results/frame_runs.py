"""Find runs of frames of a video that lie above real faces: a calibrated scan.

The statistic is the largest mean of any run of `shortest` or more frames, in normal scores of the
conformal p of each frame. Many runs are looked at, and frames of one clip are alike: how alike is
not known, so p is the largest that any correlation between them gives. Whole clips that lie higher
than photographs may be another camera or codec and no forgery at all. They are asked for more than
a run that stands out from frames which pass for real: of the share of false alarms, 0.8 goes to
runs and 0.2 to whole clips (a weighted Bonferroni test).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from registry.results.conformal import MANIPULATED_UP_TO, conformal_p

__all__ = ["FrameRuns", "Segment", "scan"]

Array = NDArray[np.float64]

_FEWEST = 3  # frames of a run
_SHARE = 8  # a run is at least that part of the frames
_OF_RUNS, _OF_CLIPS = 0.8, 0.2  # how false alarms are shared out
_USUAL_P = 0.20  # a frame with a larger p passes for real
_CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
_DRAWS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of frames that stands out: its first and last frame, and their seconds."""

    first: int
    last: int
    start: float | None = None
    end: float | None = None

    @property
    def words(self) -> str:
        """Return `3.5 s to 6.4 s`, or `frames 105 to 192` if the file has no times."""
        if self.start is None or self.end is None:
            return f"frames {self.first} to {self.last}"
        return f"{self.start:.1f} s to {self.end:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRuns:
    """`p` is that of the video, `any_p` that of its highest run whatever the rest is like.

    `runs` are the first and last place of each run of frames that lies above real faces; `partial`
    says that the frames outside of the highest one pass for real.
    """

    p: float
    any_p: float
    runs: tuple[tuple[int, int], ...] = ()
    partial: bool = False


def scan(scores: Array, reals: Array) -> FrameRuns:
    """Scan the scores (n,) of the frames of a video, n >= 1, against those (m,) of real faces.

    For a single frame, p is the conformal p of its score.
    """
    p = conformal_p(scores, reals)
    if len(scores) == 1:
        return FrameRuns(p=float(p[0]), any_p=float(p[0]))
    count = len(reals)
    z = -ndtri(np.clip(p, None, count / (count + 1)))  # (n,)
    shortest = _shortest(len(z))
    (start, end), highest = _highest(z, shortest)
    null = _null(len(z), shortest)
    any_p = _tail(null, highest)
    rest = np.concatenate([z[:start], z[end:]])
    partial = len(rest) >= shortest and bool(rest.mean() < -ndtri(_USUAL_P))
    weighted = min(any_p / _OF_CLIPS, any_p / _OF_RUNS if partial else 1.0)
    found = FrameRuns(p=min(1.0, weighted), any_p=any_p, partial=partial)
    if any_p > MANIPULATED_UP_TO:
        return found
    runs = tuple(_runs(z, shortest, _bound(null)))
    return FrameRuns(p=found.p, any_p=any_p, partial=partial, runs=runs)


def _shortest(frames: int) -> int:
    return min(frames, max(_FEWEST, round(frames / _SHARE)))


def _windows(z: Array, shortest: int) -> Iterator[tuple[int, Array]]:
    """Yield lengths and means (..., starts) of runs; twice the shortest holds a half as high."""
    sums = np.concatenate([np.zeros((*z.shape[:-1], 1)), np.cumsum(z, axis=-1)], axis=-1)
    for length in range(shortest, min(2 * shortest, z.shape[-1] + 1)):
        yield length, (sums[..., length:] - sums[..., :-length]) / length


def _highest(z: Array, shortest: int) -> tuple[tuple[int, int], float]:
    """Return start and end of the run with the largest mean, and that mean."""
    means = [(float(m.max()), int(m.argmax()), length) for length, m in _windows(z, shortest)]
    mean, start, length = max(means)
    return (start, start + length), mean


@lru_cache(maxsize=64)
def _null(frames: int, shortest: int) -> Array:
    """Return sorted statistics (C, draws) of real clips, a row for each correlation of their
    frames.
    """
    rng = np.random.default_rng(0)
    own = rng.standard_normal((_DRAWS, frames))
    common = rng.standard_normal((_DRAWS, 1))
    rows = []
    for share in _CORRELATIONS:
        z = np.sqrt(share) * common + np.sqrt(1 - share) * own
        rows.append(np.max([m.max(axis=-1) for _, m in _windows(z, shortest)], axis=0))
    return np.sort(np.stack(rows), axis=1)


def _tail(null: Array, value: float) -> float:
    """Return the largest p over the rows."""
    above = [len(row) - np.searchsorted(row, value, side="left") for row in null]
    return float((1 + max(above)) / (null.shape[1] + 1))


def _bound(null: Array) -> float:
    """Return the mean that a run must reach to be unusual."""
    return float(np.quantile(null, 1 - MANIPULATED_UP_TO, axis=1).max())


def _runs(z: Array, shortest: int, bound: float) -> Iterator[tuple[int, int]]:
    """Yield runs of frames that reach `bound`, joined; their ends do not pass for real."""
    marked = np.zeros(len(z), bool)
    for length, means in _windows(z, shortest):
        for start in np.flatnonzero(means >= bound):
            marked[start : start + length] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    for first, end in edges.reshape(-1, 2):
        unusual = first + np.flatnonzero(z[first:end] >= -ndtri(_USUAL_P))
        if len(unusual):
            yield int(unusual[0]), int(unusual[-1])
