"""Counts at a threshold, against scikit-learn and by hand; the table of methods and variants."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from registry.builtin.reports.overview import confusion, threshold_at

RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 2, 200)
SCORES = np.round(RNG.random(200) * 0.7 + 0.3 * LABELS, 2)


@pytest.mark.parametrize("threshold", [0.0, 0.31, 0.5, 1.1])
def test_counts_are_those_of_scikit_learn(threshold: float) -> None:
    (passed, alarms), (missed, found) = confusion_matrix(LABELS, threshold <= SCORES, labels=[0, 1])
    assert confusion(LABELS, SCORES, threshold) == (found, missed, passed, alarms)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_no_more_reals_reach_the_threshold_than_allowed_and_no_lower_one_would_do(
    share: float,
) -> None:
    reals = SCORES[LABELS == 0]
    at = threshold_at(LABELS, SCORES, share)
    assert (reals >= at).mean() <= share
    if share < 1:
        assert (reals >= np.nextafter(at, -1)).mean() > share
