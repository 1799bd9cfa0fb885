"""Does the score of a part rise if that part is changed, and only then?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["auc", "auc_matrix", "diagonal", "rank_correlation", "redundancy", "selectivity"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def auc(positive: Flags, scores: Array, weights: Array) -> Array:
    """Return (D,) area under the ROC curve of scores (n,) for each row of weights (D, n).

    The chance that a positive scores above a negative, ties one half. Range [0, 1], 0.5 is chance;
    scikit-learn's roc_auc_score with sample_weight.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # of runs of equal scores
    sorted_weights, is_positive = weights[:, order], positive[order]
    above = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)  # (D, runs)
    below = np.add.reduceat(sorted_weights * ~is_positive, starts, axis=1)
    beaten = np.cumsum(below, axis=1) - below / 2.0
    pairs = above.sum(axis=1) * below.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (above * beaten).sum(axis=1) / pairs, np.nan)


def auc_matrix(scores: Array, truth: Flags, real: Flags, weights: Array) -> Array:
    """Return (D, K, K): A[k, j] is the AUC of part k's score, faces with only part j changed to
    reals.

    `scores` and `truth` are (n, K), `real` (n,). NaN for a part j that was never changed alone.
    """
    single = truth.sum(axis=1) == 1
    parts = scores.shape[1]
    matrix = np.full((len(weights), parts, parts), np.nan)
    for j in range(parts):
        changed = single & truth[:, j] & ~real
        rows = np.flatnonzero(changed | real)
        if not changed.any() or not real.any():
            continue
        for k in range(parts):
            matrix[:, k, j] = auc(changed[rows], scores[rows, k], weights[:, rows])
    return matrix


def diagonal(matrix: Array) -> Array:
    """Return (D,) mean of A[k, k]: does a part's score see a change of that part? Higher is
    better.
    """
    own = np.diagonal(matrix, axis1=1, axis2=2)  # (D, K)
    return np.asarray(own[:, ~np.isnan(own).all(axis=0)].mean(axis=1), np.float64)


def selectivity(matrix: Array) -> Array:
    """Return (D,) mean over k of A[k, k] - max_{j != k} A[k, j].

    Range [-1, 1], higher is better; 0 where a part's score rises as much for another part, 0.5
    where it sees its own part always and another's never.
    """
    parts = matrix.shape[1]
    occurs = [j for j in range(parts) if not np.isnan(matrix[:, :, j]).all()]
    if len(occurs) < 2:
        return np.full(len(matrix), np.nan)
    gaps = []
    for k in occurs:
        others = [j for j in occurs if j != k]
        gaps.append(matrix[:, k, k] - matrix[:, k, others].max(axis=1))
    return np.asarray(np.mean(gaps, axis=0), np.float64)


def redundancy(scores: Array, weights: Array) -> Array:
    """Return (D,) mean Pearson correlation of two parts' scores (n, K), over all pairs of parts.

    Range [-1, 1], lower is better: at 1 every part says the same.
    """
    total = weights.sum(axis=1, keepdims=True)
    upper = np.triu_indices(scores.shape[1], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = weights @ scores / total  # (D, K)
        square = np.einsum("dn,nk,nl->dkl", weights, scores, scores, optimize=True)
        covariance = square / total[..., None] - centre[:, :, None] * centre[:, None, :]
        deviation = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        correlation = covariance / (deviation[:, :, None] * deviation[:, None, :])
        mean = correlation[:, upper[0], upper[1]].mean(axis=1)
    spread = (deviation > 1e-9 * (1.0 + np.abs(centre))).all(axis=1)
    return np.where(spread, mean, np.nan)


def rank_correlation(one: Array, other: Array, weights: Array) -> Array:
    """Return (D,) mean over parts of the Spearman correlation over faces of two (n, K); ranks are
    of all.

    Range [-1, 1]; NaN where a part has the same score on all faces.
    """
    pairs = [
        np.stack([rankdata(one[:, k]), rankdata(other[:, k])], axis=1) for k in range(one.shape[1])
    ]
    return np.asarray(np.mean([redundancy(pair, weights) for pair in pairs], axis=0), np.float64)
