"""Turn logits into scores: parts on one scale, and one score of the face, fitted on val faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.heads import auc
from lesb_plugin.roi.localisation import localisation

__all__ = ["SHARED", "WEIGHTS", "Calibration", "Fusion", "choose_fusion", "fit_calibration"]

Array = NDArray[np.float64]

SHARED = (0.0, 0.125, 0.25, 0.375, 0.5)
"""How much of what all parts of a face say together may be taken from each."""

WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)
"""What the most suspicious part may add to the head's logit, per standard deviation of reals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Part logits measured by those of unchanged real faces, then one sigmoid for all parts.

    The sigmoid is the same for every part and rises, so parts of a face are ranked by how unusual
    each is among its own kind: a part whose logits are high on every face gains nothing by it. A
    share of the parts' mean is taken away first, which changes no ranking: what a face says as a
    whole (a poor image, say) is no news of a part.
    """

    mean: Array  # (K,) of the logits of real faces
    deviation: Array  # (K,)
    shared: float = 0.0
    slope: float = 1.0
    intercept: float = 0.0

    def standardise(self, logits: Array) -> Array:
        """Return the logits as z = (logit - mean) / deviation, (K, n) of (K, n)."""
        return np.asarray((logits - self.mean[:, None]) / self.deviation[:, None])

    def scores(self, logits: Array) -> Array:
        """Return scores (K, n) in [0, 1]: the chance that the part was changed, in faces like
        val's.
        """
        return np.asarray(expit(self.slope * self.contrast(logits) + self.intercept))

    def contrast(self, logits: Array) -> Array:
        """Return the standardised logits minus `shared` times their mean over the parts, (K, n)."""
        z = self.standardise(logits)
        return np.asarray(z - self.shared * z.mean(axis=0))

    def tensors(self) -> dict[str, Array]:
        scalars = np.array([self.shared, self.slope, self.intercept])
        return {"mean": self.mean, "deviation": self.deviation, "scalars": scalars}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> Calibration:
        shared, slope, intercept = tensors["scalars"].tolist()
        return cls(
            mean=tensors["mean"],
            deviation=tensors["deviation"],
            shared=shared,
            slope=slope,
            intercept=intercept,
        )


def fit_calibration(reals: Array, logits: Array, labels: NDArray[np.floating]) -> Calibration:
    """Fit on logits (K, r) of unchanged reals, and logits (K, n) with labels (n, K); NaN is
    unknown.

    Of the shares in `SHARED` the one is taken with which a changed part is told best from the same
    part of reals; of equal ones the smallest. Heads that know nothing would be turned around; they
    get the slope 0: every score is the same.
    """
    from sklearn.linear_model import LogisticRegression

    deviation = reals.std(axis=1)
    deviation = np.where(deviation > 0, deviation, 1.0)
    plain = Calibration(mean=reals.mean(axis=1), deviation=deviation)
    candidates = [replace(plain, shared=share) for share in SHARED]
    found = max(candidates, key=lambda each: _localisation_auc(each, logits, labels))
    known = ~np.isnan(labels.T)  # (K, n)
    contrast, truth = found.contrast(logits)[known], labels.T[known]
    model = LogisticRegression(C=1e3).fit(contrast[:, None], truth)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        share = float(truth.mean())
        slope, intercept = 0.0, float(np.log(share / (1 - share)))
    return replace(found, slope=slope, intercept=intercept)


def _localisation_auc(
    calibration: Calibration, logits: Array, labels: NDArray[np.floating]
) -> float:
    """Return mean AUC over the parts, on fakes of one part against reals; 0 where there are
    none.
    """
    contrast = calibration.contrast(logits)
    reals = contrast[:, (labels == 0).all(axis=1)]
    aucs = localisation(contrast, labels, reals).part_auc
    return float(np.nanmean(aucs)) if np.isfinite(aucs).any() else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """logit = head + weight * max_k z_k + offset; `aucs` are those of `WEIGHTS` on val."""

    weight: float
    offset: float
    aucs: tuple[float, ...]

    def logits(self, head: Array, z: Array) -> Array:
        """Return (n,) of the head's logits (n,) and standardised part logits (K, n)."""
        return np.asarray(head + self.weight * z.max(axis=0) + self.offset)


def choose_fusion(
    head: Array, z: Array, labels: NDArray[np.int64], real_head: Array, real_z: Array
) -> Fusion:
    """Return the weight that separates real from fake best; of equal ones the smallest.

    `offset` leaves as many of the unchanged reals above 0.5 as the head has there.
    """
    top = z.max(axis=0)
    aucs = tuple(auc(labels, head + weight * top) for weight in WEIGHTS)
    weight = WEIGHTS[int(np.argmax(aucs))]
    share = float((real_head <= 0).mean())
    fused = real_head + weight * real_z.max(axis=0)
    offset = float(np.quantile(real_head, share) - np.quantile(fused, share))
    return Fusion(weight=weight, offset=offset, aucs=aucs)
