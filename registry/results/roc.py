"""The ROC curve of labels (0 real, 1 fake) and scores (higher = more fake), and its area.

`weights (D, n)` make D samples of one, in which sample i counts `weights[d, i]` times. Tied scores
are one threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.errors import UndefinedMetricError

__all__ = [
    "auc",
    "auc_weighted",
    "counts",
    "need_both_classes",
    "need_samples",
    "ratio",
    "roc_points",
    "unweighted",
]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Weighted: TypeAlias = Callable[[Ints, Floats, Ints], Floats]


def auc(labels: Ints, scores: Floats) -> float:
    """Return the area under the ROC curve: the chance that a fake outscores a real, ties counting
    half.
    """
    need_both_classes(labels)
    return unweighted(auc_weighted, labels, scores)


def auc_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) areas under the D weighted ROC polylines."""
    fp, tp = counts(labels, scores, weights)  # (D, T + 1)
    doubled = np.einsum("dt,dt->d", np.diff(fp), tp[:, 1:] + tp[:, :-1])
    return ratio(doubled, 2 * fp[:, -1] * tp[:, -1])


def roc_points(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return FPR and TPR (T + 1,) at every threshold, from (0, 0) to (1, 1)."""
    need_both_classes(labels)
    fp, tp = counts(labels, scores, np.ones((1, labels.size), dtype=np.int64))
    return fp[0] / fp[0, -1], tp[0] / tp[0, -1]


def counts(labels: Ints, scores: Floats, weights: Ints) -> tuple[Ints, Ints]:
    """Count false and true positives (D, T + 1): none, then all at or above each of T unique
    scores.
    """
    return _last.of(labels, scores, weights)


def ratio(top: NDArray[np.int64 | np.float64], bottom: Ints) -> Floats:
    """Divide elementwise, top / bottom; NaN where bottom is 0."""
    out = np.full(np.shape(top), np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


def unweighted(weighted: Weighted, labels: Ints, scores: Floats) -> float:
    """Compute `weighted` where every sample counts once."""
    return float(weighted(labels, scores, np.ones((1, labels.size), dtype=np.int64))[0])


def need_samples(labels: Ints) -> None:
    """Raise an UndefinedMetricError if there are no samples."""
    if labels.size == 0:
        raise UndefinedMetricError("no samples")


def need_both_classes(labels: Ints) -> None:
    """Raise an UndefinedMetricError unless there are reals and fakes."""
    need_samples(labels)
    fakes = int(labels.sum())
    if fakes == 0:
        raise UndefinedMetricError(f"a single class: {labels.size} real, no fake")
    if fakes == labels.size:
        raise UndefinedMetricError(f"a single class: {fakes} fake, no real")


class _LastCounts:
    """The counts of the last sample, for the next metric of the very same sample.

    Most of a metric's time goes into its counts, and the bootstrap asks one metric after the other
    for the same draws. Only arrays that nobody can write to are remembered.
    """

    entry: tuple[tuple[Any, ...], tuple[Ints, Ints]] | None = None

    def of(self, *sample: Any) -> tuple[Ints, Ints]:
        entry = self.entry
        if entry and all(new is old for new, old in zip(sample, entry[0], strict=True)):
            return entry[1]
        counts = _count(*sample)
        if not any(array.flags.writeable for array in sample):
            self.entry = (sample, counts)
        return counts


_last = _LastCounts()


def _count(labels: Ints, scores: Floats, weights: Ints) -> tuple[Ints, Ints]:
    thresholds = np.unique(scores)[::-1]  # (T,)
    fp, tp = (_reached(scores, np.flatnonzero(labels == c), thresholds, weights) for c in (0, 1))
    return fp, tp


def _reached(scores: Floats, samples: Ints, thresholds: Floats, weights: Ints) -> Ints:
    """Return the weight (D, T + 1) of `samples` that score at least each threshold; 0 in front."""
    order = samples[np.argsort(-scores[samples], kind="stable")]  # (m,), highest score first
    cumulative = np.zeros((len(weights), order.size + 1), dtype=np.int64)
    np.cumsum(weights.take(order, axis=1), axis=1, out=cumulative[:, 1:])
    passed = np.searchsorted(-scores[order], -thresholds, side="right")  # (T,)
    return cumulative.take(np.concatenate(([0], passed)), axis=1)
