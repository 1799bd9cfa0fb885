"""Do two rankings of the parts of a face agree?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["kendall", "spearman"]

Array = NDArray[np.float64]


def spearman(one: Array, other: Array) -> Array:
    """(n,) rank correlation of each row of two (n, K) arrays; ties have their mean rank.

    Range [-1, 1], higher is better. NaN for a row with a NaN; 0 for one in which all parts are
    alike, which ranks nothing. Elsewhere scipy.stats.spearmanr.
    """
    ranks = [rankdata(each, axis=1) for each in (one, other)]
    first, second = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    return _cosine(first, second, _missing(one, other))


def kendall(one: Array, other: Array) -> Array:
    """(n,) Kendall's tau-b of each row of two (n, K) arrays.

    Range [-1, 1], higher is better: the share of pairs of parts in the same order less that in the
    opposite one. NaN and ties as in `spearman`. Elsewhere scipy.stats.kendalltau.
    """
    first, second = np.triu_indices(one.shape[1], 1)
    signs = [np.sign(each[:, first] - each[:, second]) for each in (one, other)]
    return _cosine(signs[0], signs[1], _missing(one, other))


def _missing(one: Array, other: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(one + other).any(axis=1))


def _cosine(one: Array, other: Array, missing: NDArray[np.bool_]) -> Array:
    norm = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(norm > 0, (one * other).sum(axis=1) / norm, 0.0)
    return np.where(missing, np.nan, cosine)
