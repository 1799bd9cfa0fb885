"""DeLong's test against a double loop over pairs, a sample worked out by hand, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest, norm
from sklearn.metrics import roc_auc_score

from registry.builtin.compare.delong import auc_covariance, difference_test, holm
from registry.errors import UndefinedMetricError

Floats = NDArray[np.float64]


def by_pairs(labels: NDArray[np.int64], scores: Floats) -> tuple[Floats, Floats]:
    """Equations 3 to 6 of DeLong et al. term by term: O(m n) comparisons a score."""
    count = len(scores)
    tens, ones = [], []
    for row in scores:
        fakes, reals = row[labels == 1], row[labels == 0]
        wins = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in reals] for x in fakes])
        tens.append(wins.mean(axis=1))
        ones.append(wins.mean(axis=0))
    aucs = np.array([each.mean() for each in tens])
    covariance = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            for parts in (tens, ones):
                m = parts[i].size
                products = (parts[i] - aucs[i]) * (parts[j] - aucs[j])
                covariance[i, j] += products.sum() / (m - 1) / m
    return aucs, covariance


@pytest.mark.parametrize("seed", range(12))
def test_aucs_and_covariance_equal_the_double_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, int(rng.integers(4, 60)))])
    scores = np.round(rng.normal(labels, 1, (3, labels.size)), int(rng.integers(0, 3)))  # ties
    aucs, covariance = auc_covariance(labels, scores)
    expected, of_pairs = by_pairs(labels, scores)
    np.testing.assert_allclose(aucs, expected, atol=1e-12)
    np.testing.assert_allclose(covariance, of_pairs, atol=1e-12)
    assert aucs[0] == pytest.approx(roc_auc_score(labels, scores[0]))


def test_a_sample_worked_out_by_hand() -> None:
    """Reals .1 .4, fakes .3 .8; fakes beat (1/2, 1) of the reals, reals are beaten by (1, 1/2).

    The AUC is 3/4; both components have the variance 1/8, so var = 1/8 / 2 + 1/8 / 2 = 1/8. The
    second score separates perfectly and varies not at all.
    """
    labels = np.array([0, 0, 1, 1])
    scores = np.array([[0.1, 0.4, 0.3, 0.8], [0.1, 0.2, 0.8, 0.9]])
    aucs, covariance = auc_covariance(labels, scores)
    assert aucs.tolist() == [0.75, 1.0]
    np.testing.assert_allclose(covariance, [[0.125, 0], [0, 0]])
    difference, low, high, p = difference_test(labels, *scores)
    assert difference == 0.25
    assert p == pytest.approx(2 * norm.sf(0.25 / math.sqrt(0.125)))
    assert (low, high) == pytest.approx(norm.interval(0.95, 0.25, math.sqrt(0.125)))


def test_p_values_are_uniform_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    found = []
    for _ in range(400):
        shared = rng.normal(labels, 1)
        a, b = shared + rng.normal(0, 0.7, (2, 120))
        found.append(difference_test(labels, a, b)[3])
    assert kstest(found, "uniform").pvalue > 0.01


def test_equal_scores_do_not_differ_and_what_has_no_variance_is_undefined() -> None:
    labels = np.array([0, 0, 1, 1])
    same = np.array([0.1, 0.4, 0.3, 0.8])
    assert difference_test(labels, same, same) == (0.0, 0.0, 0.0, 1.0)
    with pytest.raises(UndefinedMetricError, match="has no variance"):
        difference_test(labels, np.array([0.1, 0.1, 0.9, 0.9]), np.array([0.9, 0.9, 0.1, 0.1]))
    with pytest.raises(UndefinedMetricError, match="two videos of each class, got 3 real, 1 fake"):
        difference_test(np.array([0, 0, 0, 1]), same, same)


def test_holms_correction_by_hand() -> None:
    # 3 x .01, 2 x .03; the last, 1 x .04, may not fall below the one before it.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
