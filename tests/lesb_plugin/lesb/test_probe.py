from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lesb_plugin.lesb.heads import auc
from lesb_plugin.lesb.probe import STRENGTHS, Probe, fit_probe

Split = tuple[np.ndarray, np.ndarray]


def split(n: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    scales = np.linspace(0.1, 20, 30)
    noise = rng.standard_normal((n, 30))
    noise[:, :3] += labels[:, None]
    return (noise * scales + 3).astype(np.float32), labels


@pytest.fixture(scope="module")
def probe() -> Probe:
    return fit_probe(*split(400, 0), *split(300, 1))


def test_the_probe_is_scikit_learns_regression_of_the_best_strength(probe: Probe) -> None:
    train, val = split(400, 0), split(300, 1)
    models = {
        strength: make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        for strength in STRENGTHS
    }
    aucs = {}
    for strength, model in models.items():
        model.fit(train[0].astype(np.float64), train[1])
        aucs[strength] = auc(val[1], model.decision_function(val[0].astype(np.float64)))
    assert probe.auc == pytest.approx(max(aucs.values()), abs=1e-9)
    assert aucs[probe.strength] == pytest.approx(probe.auc, abs=1e-9)
    expected = models[probe.strength].decision_function(val[0].astype(np.float64))
    np.testing.assert_allclose(probe.logits(val[0]), expected, atol=1e-8)


def test_the_probe_finds_the_direction_that_tells_the_classes_apart(probe: Probe) -> None:
    standardised = np.abs(probe.weight * np.linspace(0.1, 20, 30))
    assert standardised[:3].min() > 2 * standardised[3:].max()
    assert probe.auc > 0.85
