"""A linear fake/real head for a backbone whose weights have none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.heads import auc

__all__ = ["STRENGTHS", "Probe", "fit_probe"]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths (scikit-learn's C) that the validation faces choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Logit of fake = embedding @ weight + bias; weight (d,) is in the embedding's own units."""

    weight: NDArray[np.float64]
    bias: float
    strength: float
    auc: float

    def logits(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (B,) for embeddings (B, d)."""
        return np.asarray(embeddings.astype(np.float64) @ self.weight + self.bias)


def fit_probe(
    train: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    val: NDArray[np.float32],
    val_labels: NDArray[np.int64],
) -> Probe:
    """Fit logistic regression on standardised embeddings (n, d), regularised as validation
    prefers.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.astype(np.float64))
    standardised = scaler.transform(train.astype(np.float64))
    found = []
    for strength in STRENGTHS:
        direction, intercept = _regression(standardised, train_labels, strength)
        weight = direction / scaler.scale_
        bias = intercept - float(scaler.mean_ @ weight)
        score = auc(val_labels, val.astype(np.float64) @ weight + bias)
        found.append(Probe(weight=weight, bias=bias, strength=strength, auc=score))
    return max(found, key=lambda probe: probe.auc)


def _regression(
    inputs: NDArray[np.float64], labels: NDArray[np.int64], strength: float
) -> tuple[NDArray[np.float64], float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=500)
    with warnings.catch_warnings():
        # Weak regularisation may not converge; validation judges what it got to like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs, labels)
    return model.coef_[0], float(model.intercept_[0])
