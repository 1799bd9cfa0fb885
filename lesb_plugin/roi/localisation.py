"""Do part scores localise? Figures over images whose changed parts are known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.heads import auc

__all__ = ["Localisation", "localisation"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Localisation:
    """Of `singles` images with exactly one changed part and the others known to be unchanged.

    `right_part` is how often that part scores highest, averaged over the parts (chance: 1 / K);
    `redundancy` the mean Pearson correlation of two parts' scores; `part_auc` (K,) tells a changed
    part from the same part of reals. NaN where nothing can be said.
    """

    singles: int
    right_part: float
    redundancy: float
    part_auc: Array


def localisation(scores: Array, labels: NDArray[np.floating], reals: Array) -> Localisation:
    """Return scores (K, n) of images with part labels (n, K), 1, 0 or NaN; `reals` (K, r) of
    reals.
    """
    single = labels.sum(axis=1) == 1  # NaN is no 1
    changed = labels[single].argmax(axis=1)  # (m,)
    own = scores[:, single]
    first = own.argmax(axis=0)
    parts = range(len(scores))
    recalls = [float((first[changed == k] == k).mean()) for k in parts if (changed == k).any()]
    return Localisation(
        singles=int(single.sum()),
        right_part=float(np.mean(recalls)) if recalls else float("nan"),
        redundancy=_redundancy(own),
        part_auc=np.array([_auc(reals[k], own[k, changed == k]) for k in parts]),
    )


def _redundancy(scores: Array) -> float:
    """Return NaN with fewer than two parts or three images, or if a part's scores are constant."""
    if len(scores) < 2 or scores.shape[1] < 3 or (scores.std(axis=1) == 0).any():
        return float("nan")
    correlation = np.asarray(np.corrcoef(scores))
    return float(np.mean([correlation[j, k] for j, k in combinations(range(len(scores)), 2)]))


def _auc(reals: Array, fakes: Array) -> float:
    if not len(reals) or not len(fakes):
        return float("nan")
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    return auc(labels, np.concatenate([reals, fakes]))
