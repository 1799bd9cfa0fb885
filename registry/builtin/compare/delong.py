"""DeLong's test for AUCs of the same sample, by the fast algorithm of Sun and Xu.

E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845; X. Sun, W. Xu, IEEE
Signal Processing Letters 21 (2014) 1389-1393. Samples are taken as independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registry.errors import UndefinedMetricError

__all__ = ["auc_covariance", "difference_test", "holm"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Z95 = 1.959963984540054  # the normal distribution's 0.975 quantile


def auc_covariance(labels: Ints, scores: Floats) -> tuple[Floats, Floats]:
    """Return AUCs (K,) of K scores (K, n) of one sample, and the covariance (K, K) of these
    AUCs.

    O(K n log n). UndefinedMetricError below two reals or two fakes.
    """
    fakes, reals = scores[:, labels == 1], scores[:, labels == 0]  # (K, m), (K, n)
    m, n = fakes.shape[1], reals.shape[1]
    if m < 2 or n < 2:
        raise UndefinedMetricError(
            f"DeLong's test needs two videos of each class, got {n} real, {m} fake"
        )
    among_all = _midranks(np.concatenate([fakes, reals], axis=1))  # (K, m + n)
    # How much of the other class each sample beats: the structural components V10 and V01.
    beaten = (among_all[:, :m] - _midranks(fakes)) / n  # (K, m)
    beating = 1 - (among_all[:, m:] - _midranks(reals)) / m  # (K, n)
    covariance = np.atleast_2d(np.cov(beaten)) / m + np.atleast_2d(np.cov(beating)) / n
    return beaten.mean(axis=1), covariance


def difference_test(
    labels: Ints, first: Floats, second: Floats
) -> tuple[float, float, float, float]:
    """Return second AUC minus first, its 95 % interval, and the two-sided p of no difference.

    UndefinedMetricError also where both AUCs have no variance and yet differ.
    """
    aucs, covariance = auc_covariance(labels, np.stack([first, second]))
    difference = float(aucs[1] - aucs[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-15:  # what rounding leaves of none
        if abs(difference) > 1e-9:
            raise UndefinedMetricError("the AUCs differ, but their difference has no variance")
        return 0.0, 0.0, 0.0, 1.0
    error = math.sqrt(variance)
    p = math.erfc(abs(difference) / error / math.sqrt(2))
    return difference, difference - _Z95 * error, difference + _Z95 * error, p


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number by Holm's step-down method, in the order given."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def _midranks(values: Floats) -> Floats:
    """Return the rank of each value in its row (K, n), from 1; ties share their mean rank."""
    return np.stack([_midranks_of(row) for row in values])


def _midranks_of(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(counts) - (counts - 1) / 2
    return middle[place]
