"""AUCs and correlations of part scores, against scikit-learn and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lesb_plugin.audit.measures.discrimination import (
    auc,
    auc_matrix,
    diagonal,
    redundancy,
    selectivity,
)

RNG = np.random.default_rng(3)
REAL = np.arange(150) < 60
TRUTH = np.zeros((150, 3), bool)
TRUTH[np.arange(60, 150), np.arange(90) % 3] = True
SCORES = RNG.normal(size=(150, 3)) + TRUTH
WEIGHTS = RNG.integers(0, 3, (5, 150)).astype(float)


def test_auc_is_that_of_scikit_learn_with_ties_and_weights() -> None:
    scores = np.round(SCORES[:, 0], 1)
    for weights, value in zip(WEIGHTS, auc(~REAL, scores, WEIGHTS), strict=True):
        assert value == pytest.approx(roc_auc_score(~REAL, scores, sample_weight=weights))


def test_auc_of_equal_scores_is_a_half_and_of_one_class_nothing() -> None:
    assert auc(~REAL, np.zeros(150), np.ones((1, 150)))[0] == 0.5
    assert np.isnan(auc(np.ones(150, bool), SCORES[:, 0], np.ones((1, 150)))[0])


def test_the_matrix_holds_single_part_fakes_against_reals() -> None:
    matrix = auc_matrix(SCORES, TRUTH, REAL, np.ones((1, 150)))[0]
    for k in range(3):
        for j in range(3):
            rows = REAL | TRUTH[:, j]
            assert matrix[k, j] == pytest.approx(roc_auc_score(TRUTH[rows, j], SCORES[rows, k]))


def test_fakes_of_several_parts_are_left_out_of_the_matrix() -> None:
    truth = TRUTH.copy()
    truth[60:90] = True
    kept = np.r_[0:60, 90:150]
    ones = np.ones((1, 150))
    np.testing.assert_allclose(
        auc_matrix(SCORES, truth, REAL, ones),
        auc_matrix(SCORES[kept], truth[kept], REAL[kept], ones[:, kept]),
    )


def test_an_oracle_is_selective_and_a_score_of_the_whole_face_is_not() -> None:
    ones = np.ones((1, 150))
    oracle = auc_matrix(TRUTH.astype(float), TRUTH, REAL, ones)
    assert diagonal(oracle)[0] == 1.0
    assert selectivity(oracle)[0] == 0.5
    whole = auc_matrix(np.repeat(~REAL[:, None], 3, axis=1).astype(float), TRUTH, REAL, ones)
    assert diagonal(whole)[0] == 1.0
    assert selectivity(whole)[0] == 0.0


def test_selectivity_needs_two_parts_that_occur() -> None:
    truth = TRUTH & np.array([True, False, False])
    matrix = auc_matrix(SCORES, truth, REAL, np.ones((1, 150)))
    assert np.isnan(selectivity(matrix)[0])
    assert diagonal(matrix)[0] == pytest.approx(matrix[0, 0, 0])


def test_redundancy_is_the_mean_of_pearson_correlations() -> None:
    counts = WEIGHTS.astype(int)
    for value, times in zip(redundancy(SCORES, WEIGHTS), counts, strict=True):
        matrix = np.corrcoef(np.repeat(SCORES, times, axis=0).T)
        assert value == pytest.approx(matrix[np.triu_indices(3, 1)].mean())


def test_parts_without_spread_have_no_redundancy() -> None:
    scores = np.column_stack([SCORES[:, 0], np.full(150, 0.3)])
    assert np.isnan(redundancy(scores, np.ones((1, 150)))[0])
