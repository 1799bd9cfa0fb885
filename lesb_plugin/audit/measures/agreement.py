"""Do two scorings of the parts of a face agree?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["alike", "kendall", "pearson", "spearman"]

Array = NDArray[np.float64]


def alike(scores: Array) -> NDArray[np.bool_]:
    """Mark the rows (n,) of an (n, K) array whose parts differ by rounding alone."""
    return np.asarray((_centred(scores) == 0.0).all(axis=1))


def pearson(one: Array, other: Array) -> Array:
    """Return (n,) correlation of each row of two (n, K) arrays.

    Range [-1, 1], higher is better. NaN for a row with a NaN; 0 for one in which all parts are
    alike, which tells no part from another. Elsewhere scipy.stats.pearsonr.
    """
    return _cosine(_centred(one), _centred(other), _missing(one, other))


def spearman(one: Array, other: Array) -> Array:
    """Return (n,) rank correlation of each row of two (n, K) arrays; ties have their mean rank.

    Range [-1, 1], higher is better. NaN for a row with a NaN; 0 for one in which all parts are
    alike, which ranks nothing. Elsewhere scipy.stats.spearmanr.
    """
    return pearson(rankdata(one, axis=1), rankdata(other, axis=1))


def kendall(one: Array, other: Array) -> Array:
    """Return (n,) Kendall's tau-b of each row of two (n, K) arrays.

    Range [-1, 1], higher is better: the share of pairs of parts in the same order less that in the
    opposite one. NaN and ties as in `spearman`. Elsewhere scipy.stats.kendalltau.
    """
    first, second = np.triu_indices(one.shape[1], 1)
    signs = [np.sign(each[:, first] - each[:, second]) for each in (one, other)]
    return _cosine(signs[0], signs[1], _missing(one, other))


def _centred(scores: Array) -> Array:
    """Subtract each row's mean; exactly 0 if its parts differ by rounding alone."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    largest = [abs(each).max(axis=1, keepdims=True) for each in (centred, scores)]
    return np.where(largest[0] <= 1e-12 * largest[1], 0.0, centred)


def _missing(one: Array, other: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(one + other).any(axis=1))


def _cosine(one: Array, other: Array, missing: NDArray[np.bool_]) -> Array:
    norm = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(norm > 0, (one * other).sum(axis=1) / norm, 0.0)
    return np.where(missing, np.nan, cosine)
