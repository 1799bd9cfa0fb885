"""Correlations of parts, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from lesb_plugin.audit.measures.agreement import alike, kendall, pearson, spearman

RNG = np.random.default_rng(2)
ONE, OTHER = RNG.integers(0, 4, (40, 4)).astype(float), RNG.normal(size=(40, 4))
ONE[:, 0] += 0.5  # so that no row is all alike


def test_pearson_is_that_of_scipy_row_by_row() -> None:
    want = [pearsonr(a, b).statistic for a, b in zip(ONE, OTHER, strict=True)]
    np.testing.assert_allclose(pearson(ONE, OTHER), want, atol=1e-12)


def test_parts_that_only_rounding_tells_apart_are_all_alike() -> None:
    near = np.array([[0.1 + 0.2, 0.3, 0.3], [0.1, 0.2, 0.3]])
    assert near[0, 0] != near[0, 1]
    np.testing.assert_array_equal(alike(near), [True, False])
    rising = np.array([[1.0, 2.0, 3.0]] * 2)
    np.testing.assert_allclose(pearson(near, rising), [0.0, 1.0])


def test_spearman_is_that_of_scipy_row_by_row() -> None:
    want = [spearmanr(a, b).statistic for a, b in zip(ONE, OTHER, strict=True)]
    np.testing.assert_allclose(spearman(ONE, OTHER), want, atol=1e-12)


def test_kendall_is_the_tau_b_of_scipy_row_by_row() -> None:
    want = [kendalltau(a, b).statistic for a, b in zip(ONE, OTHER, strict=True)]
    np.testing.assert_allclose(kendall(ONE, OTHER), want, atol=1e-12)


@pytest.mark.parametrize("measure", [pearson, spearman, kendall])
def test_parts_all_alike_rank_nothing_and_a_missing_part_says_nothing(measure: object) -> None:
    assert callable(measure)
    one = np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 2.0]])
    other = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(measure(one, other), [0.0, np.nan])
