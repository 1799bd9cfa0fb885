"""The metrics: labels (0 real, 1 fake) and scores (higher = more fake) in, one number out.

Each `<name>(labels (n,), scores (n,))` is its own `<name>_weighted` with every weight 1, so that a
value and its bootstrap interval come from the same formula. `<name>_weighted(labels, scores,
weights (D, n))` is the metric of D samples at once, in which sample i counts `weights[d, i]` times;
it is NaN for a draw in which the metric has no value. Tied scores are one threshold throughout.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.errors import UndefinedMetricError
from registry.results.roc import (
    auc,
    auc_weighted,
    counts,
    need_both_classes,
    need_samples,
    ratio,
    roc_points,
    unweighted,
)

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


# --- the metrics -----------------------------------------------------------------------------


def ap(labels: Ints, scores: Floats) -> float:
    """Average precision, sum of (R_k - R_{k-1}) P_k over thresholds; fakes are the positives."""
    need_both_classes(labels)
    return unweighted(ap_weighted, labels, scores)


def eer(labels: Ints, scores: Floats) -> float:
    """Equal error rate: where the ROC polyline, interpolated, has FPR = 1 - TPR."""
    need_both_classes(labels)
    return unweighted(eer_weighted, labels, scores)


def accuracy(labels: Ints, scores: Floats) -> float:
    """Return the share of right answers if scores of 0.5 or more are called fake; one class
    suffices.
    """
    need_samples(labels)
    return unweighted(accuracy_weighted, labels, scores)


def false_alarms(labels: Ints, scores: Floats) -> float:
    """Return the share of reals that score above 0.5; data without fakes suffices."""
    need_samples(labels)
    if not (labels == 0).any():
        raise UndefinedMetricError("no real videos or frames in the sample")
    return unweighted(false_alarms_weighted, labels, scores)


def tpr_at_fpr_1(labels: Ints, scores: Floats) -> float:
    """Largest TPR of any threshold with FPR <= 1 %; undefined below 100 reals."""
    _need_reals(labels, percent=1)
    return unweighted(tpr_at_fpr_1_weighted, labels, scores)


def tpr_at_fpr_5(labels: Ints, scores: Floats) -> float:
    """Largest TPR of any threshold with FPR <= 5 %; undefined below 20 reals."""
    _need_reals(labels, percent=5)
    return unweighted(tpr_at_fpr_5_weighted, labels, scores)


# --- the same for D weightings at once -------------------------------------------------------


def ap_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) average precisions."""
    fp, tp = counts(labels, scores, weights)
    precision = tp[:, 1:] / np.maximum(tp[:, 1:] + fp[:, 1:], 1)  # (D, T)
    total = np.einsum("dt,dt->d", np.diff(tp), precision)
    return np.where(fp[:, -1] > 0, ratio(total, tp[:, -1]), np.nan)


def eer_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) equal error rates, interpolated between the vertices around FPR = 1 - TPR."""
    fp, tp = counts(labels, scores, weights)
    reals, fakes = fp[:, -1:], tp[:, -1:]
    excess = fp * fakes + tp * reals - reals * fakes  # (D, T + 1): FPR - FNR, times reals * fakes
    after = np.maximum(np.argmax(excess >= 0, axis=1), 1)[:, None]  # (D, 1): first vertex past it
    high, low = (np.take_along_axis(excess, at, axis=1) for at in (after, after - 1))
    fp_high, fp_low = (np.take_along_axis(fp, at, axis=1) for at in (after, after - 1))
    fp_equal = fp_low + ratio(-low, high - low) * (fp_high - fp_low)
    return ratio(fp_equal, np.where(fakes > 0, reals, 0))[:, 0]


def accuracy_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) shares of right answers at the threshold 0.5."""
    right = ((scores >= 0.5) == (labels == 1)).astype(np.int64)  # (n,)
    return ratio(np.einsum("dn,n->d", weights, right), weights.sum(axis=1))


def false_alarms_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) shares of the reals above 0.5."""
    real = labels == 0
    above = (scores[real] > 0.5).astype(np.int64)
    return ratio(np.einsum("dn,n->d", weights[:, real], above), weights[:, real].sum(axis=1))


def tpr_at_fpr_1_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) TPRs at FPR <= 1 %."""
    return _tpr_at(labels, scores, weights, percent=1)


def tpr_at_fpr_5_weighted(labels: Ints, scores: Floats, weights: Ints) -> Floats:
    """Return (D,) TPRs at FPR <= 5 %."""
    return _tpr_at(labels, scores, weights, percent=5)


# --- what they share -------------------------------------------------------------------------


def _tpr_at(labels: Ints, scores: Floats, weights: Ints, *, percent: int) -> Floats:
    fp, tp = counts(labels, scores, weights)
    reals, fakes = fp[:, -1], tp[:, -1]
    # In integers: 100 reals allow exactly one false positive at 1 %, whatever 0.01 * 100 rounds to.
    allowed = 100 * fp <= percent * reals[:, None]
    best = np.where(allowed, tp, 0).max(axis=1)
    return ratio(best, np.where(percent * reals >= 100, fakes, 0))


def _need_reals(labels: Ints, *, percent: int) -> None:
    need_both_classes(labels)
    reals, needed = int(labels.size - labels.sum()), 100 // percent
    if reals < needed:
        raise UndefinedMetricError(f"an FPR of {percent} % needs {needed} reals, got {reals}")
