"""Part scores of real faces, as the scale that a part's score is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

__all__ = ["REALS_WITHIN", "PartScale"]

Array: TypeAlias = NDArray[np.float64]

REALS_WITHIN = 0.90  # share of real faces in the interval that is shown: 5 % lie above, as p has it
_CONFIDENT = 0.95  # share of real faces whose first part leads by no more than the limit
_EDGE = 1e-6  # scores are clipped to [_EDGE, 1 - _EDGE] before their log-odds are taken


def _log_odds(scores: Array) -> Array:
    return np.asarray(logit(np.clip(scores, _EDGE, 1 - _EDGE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScale:
    """Part scores of real faces: what a part's score is measured by.

    Arrays are (K,): mean and standard deviation of the log-odds, and the interval that holds 90 %
    of the scores themselves. `limit` is the 95th percentile of the first part's lead over the
    second in standard deviations; None with less than two parts.
    """

    names: tuple[str, ...]
    mean: Array
    deviation: Array
    low: Array
    high: Array
    limit: float | None

    @classmethod
    def of(cls, scores: Mapping[str, Array]) -> PartScale:
        """Compute the scale of scores (n,) in [0, 1] by part, n >= 2."""
        values = np.stack(list(scores.values())) if scores else np.empty((0, 2))  # (K, n)
        odds = _log_odds(values)
        deviation = odds.std(axis=1, ddof=1)
        deviation = np.where(deviation > 0, deviation, np.inf)  # a constant part never stands out
        mean = odds.mean(axis=1)
        tail = (1 - REALS_WITHIN) / 2
        limit = None
        if len(values) > 1:
            ranked = np.sort((odds - mean[:, None]) / deviation[:, None], axis=0)  # (K, n)
            limit = float(np.quantile(ranked[-1] - ranked[-2], _CONFIDENT, method="higher"))
        return cls(
            names=tuple(scores),
            mean=mean,
            deviation=deviation,
            low=np.quantile(values, tail, axis=1),
            high=np.quantile(values, 1 - tail, axis=1),
            limit=limit,
        )

    def standardise(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Convert scores to log-odds by part in standard deviations of real faces, 0 their mean."""
        odds = _log_odds(np.array([scores[name] for name in self.names], np.float64))
        z = (odds - self.mean) / self.deviation
        return dict(zip(self.names, z.tolist(), strict=True))
