"""Conformal p values within classes: how often real faces of similar quality score as high.

Mondrian conformal prediction (Vovk, Gammerman and Shafer, 2005): a face is compared with the kept
real faces of its own class alone, so that false alarms are as rare as they are said to be in each
class, and not only on average over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FEWEST_REALS",
    "MANIPULATED_UP_TO",
    "QualityClasses",
    "by_quality",
    "conformal_p",
]

MANIPULATED_UP_TO = 0.05  # the p at which a face is called manipulated
FEWEST_REALS = 19  # with fewer no score could be at or below that p

Array = NDArray[np.float64]
_CLASSES = 5
_FEWEST = 60  # reals of a class: with fewer, one of them decides about p = 0.05 alone
_BEYOND = 1.25  # by so much the outer classes reach beyond the softest and the sharpest kept face


def conformal_p(scores: Array | float, reals: Array) -> Array:
    """Return conformal p, (1 + #{reals >= score}) / (n + 1), of one score or (m,).

    For a real face that is drawn as the n `reals` were, P(p <= a) <= a for every a.
    """
    ordered = np.sort(np.asarray(reals, np.float64))
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.asarray((1.0 + above) / (len(ordered) + 1.0))


def by_quality(
    sharpness: Array, real_sharpness: Array
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Yield the indices of the faces (m,) of each class, and a mask of the comparable reals
    (n,).

    Faces that are like none of the reals are in no class.
    """
    classes = QualityClasses.of(real_sharpness)
    own, of_reals = classes.of_faces(sharpness), classes.of_faces(real_sharpness)
    for number in sorted(set(own.tolist()) - {-1}):
        yield np.flatnonzero(own == number), of_reals == number


@dataclass(frozen=True, slots=True)
class QualityClasses:
    """Classes of equal counts by sharpness, bounded by ascending `edges` (C + 1,)."""

    edges: Array

    @classmethod
    def of(cls, sharpness: Array) -> QualityClasses:
        """Divide the reference faces (n,) into five classes, or fewer if each would hold less than
        60.
        """
        count = int(np.clip(len(sharpness) // _FEWEST, 1, _CLASSES))
        edges = np.quantile(np.asarray(sharpness, np.float64), np.linspace(0.0, 1.0, count + 1))
        edges[0], edges[-1] = edges[0] / _BEYOND, edges[-1] * _BEYOND
        return cls(edges=edges)

    def of_faces(self, sharpness: Array) -> NDArray[np.int64]:
        """Return the class of each face (m,) from 0, the softest; -1 if nothing is comparable."""
        values = np.asarray(sharpness, np.float64)
        found = np.searchsorted(self.edges[1:-1], values, side="right")
        outside = ~((values >= self.edges[0]) & (values <= self.edges[-1]))  # also of NaN
        return np.where(outside, -1, found).astype(np.int64)

    def range_of(self, number: int) -> tuple[float, float]:
        """Return the sharpness at which a class begins and ends."""
        return float(self.edges[number]), float(self.edges[number + 1])
