"""Does an explanation name the changed part?

All arrays are for n faces with K parts. `truth` (n, K) says which parts were changed, z (n, K)
are part scores on the scale of real faces. Statistics take weights (D, n), how often each face
is in each of D draws, and give (D,), NaN where undefined; weights of ones give the figure
itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "alarms",
    "alarms_beyond",
    "jaccard",
    "kappa",
    "macro_recall",
    "mean",
    "named_share",
    "on_scale",
    "raised",
    "standardised",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RAISED = 95.0  # percentile of the reals above which a part counts as pointed out


def standardised(scores: Array, real: Flags) -> Array:
    """Z (n, K) = (score - mean of the reals) / their standard deviation, part by part.

    Where an explanation has no score (NaN), z is 0, the mean of real faces. Where all reals have
    the same score, the standard deviation counts as 1.
    """
    reals = scores[real]
    count = np.maximum((~np.isnan(reals)).sum(axis=0), 1)
    centre = np.nansum(reals, axis=0) / count
    spread = np.sqrt(np.nansum((reals - centre) ** 2, axis=0) / count)
    scale = np.where(spread > 1e-12 * (1.0 + np.abs(centre)), spread, 1.0)
    return np.asarray(np.nan_to_num((scores - centre) / scale, nan=0.0), np.float64)


def on_scale(still: Array, changed: Array, real: Flags) -> Array:
    """Return z (m, K) of scores `changed` (m, K), by the `real` ones among `still` (n, K)."""
    both = np.concatenate([still, changed])
    reals = np.concatenate([real, np.zeros(len(changed), np.bool_)])
    return standardised(both, reals)[len(real) :]


def named_share(z: Array, truth: Flags) -> Array:
    """Return (n,) in [0, 1]: 1 if the part with the highest z was changed; tied parts share it."""
    top = z == z.max(axis=1, keepdims=True)
    return np.asarray((top & truth).sum(axis=1) / top.sum(axis=1), np.float64)


def macro_recall(share: Array, truth: Flags, weights: Array) -> Array:
    """Right part first: `share` (n,) averaged per part, then over the parts that occur.

    Faces with one part changed. Range [0, 1], higher is better, chance and every constant answer
    1/K. With one part named per face it is scikit-learn's recall_score(average="macro").
    """
    found = weights @ (share[:, None] * truth)  # (D, K)
    there = weights @ truth.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return _mean_of_defined(np.where(there > 0, found / there, np.nan))


def raised(z: Array, real: Flags) -> Flags:
    """Return (n, K): which parts score above the 95th percentile that their reals have."""
    return np.asarray(z > np.percentile(z[real], _RAISED, axis=0))


def jaccard(flags: Flags, truth: Flags) -> Array:
    """Return (n,): parts both named and changed, over parts that are either; 1 if there are
    none.

    Range [0, 1], higher is better; scikit-learn's jaccard_score(average="samples", zero_division=1)
    is its mean.
    """
    either = (flags | truth).sum(axis=1)
    both = (flags & truth).sum(axis=1)
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def alarms(z: Array, fold: NDArray[np.int64]) -> Array:
    """Return (n,) of real faces, 0 or 1: max_k z_k above its 95th percentile on the other fold.

    The threshold comes from other people than it is applied to. The mean is the share of real faces
    in which a part would be singled out: range [0, 1], 0.05 is what is promised.
    """
    highest = z.max(axis=1)
    out = np.full(len(z), np.nan)
    for own in np.unique(fold):
        others = highest[fold != own]
        if others.size:
            out[fold == own] = highest[fold == own] > np.percentile(others, _RAISED)
    return out


def alarms_beyond(scores: Array, val: Array) -> Flags:
    """Return (n,) of real faces: max_k z_k above the 95th percentile that it has among val's reals.

    Scores (n, K) are measured by the mean and the deviation of val's (m, K), as they were when
    verdicts were calibrated. The mean is the share of real faces in which a part would be singled
    out: 0.05 where they are like val's.
    """
    is_val = np.arange(len(val) + len(scores)) < len(val)
    highest = standardised(np.concatenate([val, scores]), is_val).max(axis=1)
    return np.asarray(highest[~is_val] > np.percentile(highest[is_val], _RAISED))


def kappa(flags: Flags, truth: Flags, weights: Array) -> Array:
    """Return Cohen's kappa of named and changed parts, over all faces and parts.

    Range [-1, 1], higher is better, 0 is chance; scikit-learn's cohen_kappa_score of both
    as flat arrays.
    """
    total = weights.sum(axis=1) * flags.shape[1]
    agree = weights @ (flags == truth).sum(axis=1) / total
    named = weights @ flags.sum(axis=1) / total
    true = weights @ truth.sum(axis=1) / total
    chance = named * true + (1.0 - named) * (1.0 - true)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1.0, (agree - chance) / (1.0 - chance), np.nan)


def mean(values: Array, weights: Array) -> Array:
    """Return the mean of values (n,) over faces that have one."""
    there = ~np.isnan(values)
    total = weights[:, there].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights[:, there] @ values[there] / total, np.float64)


def _mean_of_defined(values: Array) -> Array:
    count = (~np.isnan(values)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(values, axis=1) / np.where(count > 0, count, np.nan))
