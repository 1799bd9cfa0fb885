"""The metrics: labels (0 real, 1 fake) and scores (higher = more fake) in, one number out.

Each `<name>(labels (n,), scores (n,))` is its own `<name>_weighted` with every weight 1, so that a
value and its bootstrap interval come from the same formula. `<name>_weighted(labels, scores,
weights (D, n))` is the metric of D samples at once, in which sample i counts `weights[d, i]` times;
it is NaN for a draw in which the metric has no value. Tied scores are one threshold throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.errors import UndefinedMetricError

__all__ = [
    "accuracy",
    "accuracy_weighted",
    "ap",
    "ap_weighted",
    "auc",
    "auc_weighted",
    "eer",
    "eer_weighted",
    "false_alarms",
    "false_alarms_weighted",
    "roc_points",
    "tpr_at_fpr_1",
    "tpr_at_fpr_1_weighted",
    "tpr_at_fpr_5",
    "tpr_at_fpr_5_weighted",
]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Weighted: TypeAlias = Callable[[Ints, Floats, Ints], Floats]


# --- the metrics -----------------------------------------------------------------------------


def auc(labels: Ints, scores: Floats) -> float:
    """Area under the ROC curve: the chance that a fake outscores a real, ties counting half."""
    _need_both_classes(labels)
    return _unweighted(auc_weighted, labels, scores)


def ap(labels: Ints, scores: Floats) -> float:
    """Average precision, sum of (R_k - R_{k-1}) P_k over thresholds; fakes are the positives."""
    _need_both_classes(labels)
    return _unweighted(ap_weighted, labels, scores)


def eer(labels: Ints, scores: Floats) -> float:
    """Equal error rate: where the ROC polyline, interpolated, has FPR = 1 - TPR."""
    _need_both_classes(labels)
    return _unweighted(eer_weighted, labels, scores)


def accuracy(labels: Ints, scores: Floats) -> float:
    """Share of right answers when a score of .5 or more is called fake; also of a single class."""
    _need_samples(labels)
    return _unweighted(accuracy_weighted, labels, scores)


def false_alarms(labels: Ints, scores: Floats) -> float:
    """Share of the reals that score above .5; also of data that holds no fakes."""
    _need_samples(labels)
    if not (labels == 0).any():
        raise UndefinedMetricError("no real among the samples")
    return _unweighted(false_alarms_weighted, labels, scores)


def tpr_at_fpr_1(labels: Ints, scores: Floats) -> float:
    """Largest TPR of any threshold with FPR <= 1 %; undefined below 100 reals."""
    _need_reals(labels, percent=1)
    return _unweighted(tpr_at_fpr_1_weighted, labels, scores)


def tpr_at_fpr_5(labels: Ints, scores: Floats) -> float:
    """Largest TPR of any threshold with FPR <= 5 %; undefined below 20 reals."""
    _need_reals(labels, percent=5)
    return _unweighted(tpr_at_fpr_5_weighted, labels, scores)


# --- the same for D weightings at once -------------------------------------------------------


def auc_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) areas under the D weighted ROC polylines."""
    fp, tp = _counts(labels, scores, weights)  # (D, T + 1)
    doubled = np.einsum("dt,dt->d", np.diff(fp), tp[:, 1:] + tp[:, :-1])
    return _ratio(doubled, 2 * fp[:, -1] * tp[:, -1])


def ap_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) average precisions."""
    fp, tp = _counts(labels, scores, weights)
    precision = tp[:, 1:] / np.maximum(tp[:, 1:] + fp[:, 1:], 1)  # (D, T)
    total = np.einsum("dt,dt->d", np.diff(tp), precision)
    return np.where(fp[:, -1] > 0, _ratio(total, tp[:, -1]), np.nan)


def eer_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) equal error rates, interpolated between the vertices around FPR = 1 - TPR."""
    fp, tp = _counts(labels, scores, weights)
    reals, fakes = fp[:, -1:], tp[:, -1:]
    excess = fp * fakes + tp * reals - reals * fakes  # (D, T + 1): FPR - FNR, times reals * fakes
    after = np.maximum(np.argmax(excess >= 0, axis=1), 1)[:, None]  # (D, 1): first vertex past it
    high, low = (np.take_along_axis(excess, at, axis=1) for at in (after, after - 1))
    fp_high, fp_low = (np.take_along_axis(fp, at, axis=1) for at in (after, after - 1))
    fp_equal = fp_low + _ratio(-low, high - low) * (fp_high - fp_low)
    return _ratio(fp_equal, np.where(fakes > 0, reals, 0))[:, 0]


def accuracy_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) shares of right answers at the threshold .5."""
    right = ((scores >= 0.5) == (labels == 1)).astype(np.int64)  # (n,)
    return _ratio(np.einsum("dn,n->d", weights, right), weights.sum(axis=1))


def false_alarms_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) shares of the reals above .5."""
    real = labels == 0
    above = (scores[real] > 0.5).astype(np.int64)
    return _ratio(np.einsum("dn,n->d", weights[:, real], above), weights[:, real].sum(axis=1))


def tpr_at_fpr_1_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) TPRs at FPR <= 1 %."""
    return _tpr_at(labels, scores, weights, percent=1)


def tpr_at_fpr_5_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """(D,) TPRs at FPR <= 5 %."""
    return _tpr_at(labels, scores, weights, percent=5)


def roc_points(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """FPR and TPR (T + 1,) at every threshold, from (0, 0) to (1, 1)."""
    _need_both_classes(labels)
    fp, tp = _counts(labels, scores, np.ones((1, labels.size), dtype=np.int64))
    return fp[0] / fp[0, -1], tp[0] / tp[0, -1]


# --- what they share -------------------------------------------------------------------------


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


def _counts(labels: Ints, scores: Floats, weights: Ints) -> tuple[Ints, Ints]:
    """False and true positives (D, T + 1): none, then all at or above each of T unique scores."""
    return _last.of(labels, scores, weights)


def _count(labels: Ints, scores: Floats, weights: Ints) -> tuple[Ints, Ints]:
    thresholds = np.unique(scores)[::-1]  # (T,)
    fp, tp = (_reached(scores, np.flatnonzero(labels == c), thresholds, weights) for c in (0, 1))
    return fp, tp


def _reached(scores: Floats, samples: Ints, thresholds: Floats, weights: Ints) -> Ints:
    """(D, T + 1): the weight of `samples` that score at least each threshold; 0 in front."""
    order = samples[np.argsort(-scores[samples], kind="stable")]  # (m,), highest score first
    cumulative = np.zeros((len(weights), order.size + 1), dtype=np.int64)
    np.cumsum(weights.take(order, axis=1), axis=1, out=cumulative[:, 1:])
    passed = np.searchsorted(-scores[order], -thresholds, side="right")  # (T,)
    return cumulative.take(np.concatenate(([0], passed)), axis=1)


def _tpr_at(labels: Ints, scores: Floats, weights: Ints, *, percent: int) -> Floats:
    fp, tp = _counts(labels, scores, weights)
    reals, fakes = fp[:, -1], tp[:, -1]
    # In integers: 100 reals allow exactly one false positive at 1 %, whatever .01 * 100 rounds to.
    allowed = 100 * fp <= percent * reals[:, None]
    best = np.where(allowed, tp, 0).max(axis=1)
    return _ratio(best, np.where(percent * reals >= 100, fakes, 0))


def _ratio(top: NDArray[np.int64 | np.float64], bottom: Ints) -> Floats:
    """Elementwise top / bottom; NaN where bottom is 0."""
    out = np.full(np.shape(top), np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


def _unweighted(weighted: Weighted, labels: Ints, scores: Floats) -> float:
    return float(weighted(labels, scores, np.ones((1, labels.size), dtype=np.int64))[0])


def _need_samples(labels: Ints) -> None:
    if labels.size == 0:
        raise UndefinedMetricError("no samples")


def _need_both_classes(labels: Ints) -> None:
    _need_samples(labels)
    fakes = int(labels.sum())
    if fakes == 0:
        raise UndefinedMetricError(f"a single class: {labels.size} real, no fake")
    if fakes == labels.size:
        raise UndefinedMetricError(f"a single class: {fakes} fake, no real")


def _need_reals(labels: Ints, *, percent: int) -> None:
    _need_both_classes(labels)
    reals, needed = int(labels.size - labels.sum()), 100 // percent
    if reals < needed:
        raise UndefinedMetricError(f"an FPR of {percent} % needs {needed} reals, not {reals}")
