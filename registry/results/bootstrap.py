"""95 % intervals by the percentile bootstrap over clusters, stratified by label.

What is drawn, with replacement, is a cluster: all samples of one identity, or of one video where no
identity is known. A stratum is the clusters that hold the same set of labels (only reals, only
fakes, both) and is redrawn to its own size. So every draw holds every label that the sample holds:
a draw of a single class, which would have to be redrawn, cannot come up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.errors import PluginError, UndefinedMetricError, guarded
from registry.results.metric import Metric

__all__ = [
    "Interval",
    "draw_weights",
    "interval",
    "no_interval_because",
    "resample",
]

Item = TypeVar("Item", bound=np.generic)

_CONFIDENCE = 95.0
# A block of draws: enough weights to pay for the sorting that a metric does once a block, few
# enough that what is computed from them stays in the processor's cache.
_BLOCK_WEIGHTS, _BLOCK_ROWS = 1 << 17, 32


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval; without one, both ends are None and `reason` says why."""

    low: float | None = None
    high: float | None = None
    reason: str = ""


def resample(
    labels: NDArray[np.int64],
    clusters: NDArray[np.int64],
    scores: Sequence[NDArray[np.float64]],
    metrics: Sequence[Metric],
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return values (len(scores), len(metrics), draws), NaN where undefined.

    All scores (each (n,), of the same samples) and metrics see the same draws.
    """
    functions = [metric.weighted or _looped(metric) for metric in metrics]
    fixed_labels = _read_only(labels)
    fixed_scores = [_read_only(values) for values in scores]
    out = np.empty((len(scores), len(metrics), draws))
    done = 0
    for weights in draw_weights(labels, clusters, draws, rng):  # (b, n)
        block = slice(done, done + len(weights))
        for i, values in enumerate(fixed_scores):
            for j, (metric, function) in enumerate(zip(metrics, functions, strict=True)):
                what = f"metric {metric.name!r}"
                got = guarded(what, metric.source, function, fixed_labels, values, weights)
                out[i, j, block] = _checked(metric, got, len(weights))
        done = block.stop
    return out


def draw_weights(
    labels: NDArray[np.int64], clusters: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield how often each sample is in each draw, as blocks (b, n) of `draws` rows in all.

    `clusters` (n,) numbers the cluster of each sample. What is drawn depends on the clusters and
    the labels they hold, not on the order of the samples nor on the size of the blocks.
    """
    _, member = np.unique(clusters, return_inverse=True)  # (n,): 0 .. C - 1
    strata = _strata(labels, member)
    generators = rng.spawn(len(strata))
    count = sum(stratum.size for stratum in strata)
    rows = max(_BLOCK_ROWS, _BLOCK_WEIGHTS // max(1, labels.size))
    for start in range(0, draws, rows):
        drawn = np.empty((min(rows, draws - start), count), dtype=np.int64)  # (b, C)
        for stratum, generator in zip(strata, generators, strict=True):
            drawn[:, stratum] = _multiplicities(len(drawn), stratum.size, generator)
        yield _read_only(drawn.take(member, axis=1))


def no_interval_because(labels: NDArray[np.int64], clusters: NDArray[np.int64]) -> str:
    """Say why resampling shows nothing about this sample; "" where it does.

    Each label needs a stratum of two clusters or more, or its part of the sample never varies.
    """
    if labels.size == 0:
        return "no samples"
    _, member = np.unique(clusters, return_inverse=True)
    strata = _strata(labels, member)
    varying = [np.isin(member, stratum) for stratum in strata if stratum.size > 1]
    for label, name in ((0, "reals"), (1, "fakes")):
        if (labels == label).any() and not any(
            (labels[stratum] == label).any() for stratum in varying
        ):
            return (
                f"too few independent {name}: there are not two identities or videos to draw from"
            )
    return ""


def interval(values: NDArray[np.float64]) -> Interval:
    """Return the central 95 % of the draws (D,); none if over 5 % of them have no value."""
    if values.size == 0:
        return Interval(reason="no bootstrap draws")
    defined = values[~np.isnan(values)]
    if 100 * defined.size < _CONFIDENCE * values.size:
        missing = values.size - defined.size
        return Interval(reason=f"undefined in {missing} of {values.size} bootstrap draws")
    tail = (100.0 - _CONFIDENCE) / 2
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return Interval(float(low), float(high))


def _strata(labels: NDArray[np.int64], member: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Group the clusters 0 .. C - 1 by the set of labels that each holds."""
    count = int(member.max(initial=-1)) + 1
    real = np.bincount(member[labels == 0], minlength=count) > 0
    fake = np.bincount(member[labels == 1], minlength=count) > 0
    groups = (real & ~fake, ~real & fake, real & fake)
    return [np.flatnonzero(group) for group in groups if group.any()]


def _multiplicities(draws: int, size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Count (draws, size) how often each of `size` things comes up in `size` draws with
    replacement.
    """
    cell = generator.integers(size, size=(draws, size)) + size * np.arange(draws)[:, None]
    return np.bincount(cell.ravel(), minlength=draws * size).reshape(draws, size)


def _read_only(array: NDArray[Item]) -> NDArray[Item]:
    """Return a view that cannot be written to: metrics share what they are given."""
    view = array.view()
    view.flags.writeable = False
    return view


def _checked(metric: Metric, got: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    if np.shape(got) != (draws,):
        raise PluginError(
            f"`weighted` of metric {metric.name!r} gave shape {np.shape(got)} for {draws}"
            f" draws; expected ({draws},)"
        )
    return got


def _looped(
    metric: Metric,
) -> Callable[[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]:
    """Compute `weighted` for a metric that has none: one call of `compute` per draw."""

    def weighted(
        labels: NDArray[np.int64], scores: NDArray[np.float64], weights: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        out = np.full(len(weights), np.nan)
        for row, weight in enumerate(weights):
            try:
                out[row] = metric.compute(np.repeat(labels, weight), np.repeat(scores, weight))
            except UndefinedMetricError:
                continue
        return out

    return weighted
