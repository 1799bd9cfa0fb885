"""Statistics of part scores, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, jaccard_score, recall_score

from lesb_plugin.audit.measures.naming import (
    alarms,
    alarms_beyond,
    jaccard,
    kappa,
    macro_recall,
    mean,
    named_share,
    raised,
    standardised,
)

RNG = np.random.default_rng(5)
PART = RNG.integers(0, 3, 120)
TRUTH = np.eye(3, dtype=bool)[PART]
Z = RNG.normal(size=(120, 3)) + 0.8 * TRUTH
ONES = np.ones((1, 120))
COUNTS = RNG.integers(0, 3, (4, 120)).astype(float)


def test_right_part_first_is_the_macro_recall_of_scikit_learn() -> None:
    got = macro_recall(named_share(Z, TRUTH), TRUTH, ONES)
    assert got[0] == pytest.approx(recall_score(PART, Z.argmax(axis=1), average="macro"))


def test_weights_are_repetitions_of_faces() -> None:
    got = macro_recall(named_share(Z, TRUTH), TRUTH, COUNTS)
    for value, counts in zip(got, COUNTS.astype(int), strict=True):
        part, z = np.repeat(PART, counts), np.repeat(Z, counts, axis=0)
        assert value == pytest.approx(recall_score(part, z.argmax(axis=1), average="macro"))


def test_a_constant_answer_scores_chance_however_unbalanced_the_parts_are() -> None:
    truth = np.eye(3, dtype=bool)[[0] * 50 + [1] * 5 + [2] * 5]
    constant = np.tile([1.0, 0.0, 0.0], (60, 1))
    assert macro_recall(named_share(constant, truth), truth, np.ones((1, 60)))[0] == 1 / 3


def test_parts_that_score_alike_share_the_answer() -> None:
    truth = np.array([[True, False, False], [False, False, True]])
    z = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(named_share(z, truth), [1 / 2, 1 / 3])


def test_a_part_that_never_occurs_does_not_count() -> None:
    truth = np.eye(3, dtype=bool)[[0, 0, 1]]
    share = np.array([1.0, 0.0, 1.0])
    assert macro_recall(share, truth, np.ones((1, 3)))[0] == (0.5 + 1.0) / 2
    assert np.isnan(macro_recall(share, truth, np.zeros((1, 3)))[0])


def test_scores_are_on_the_scale_of_the_reals() -> None:
    real = np.arange(120) < 60
    z = standardised(7.0 + 3.0 * Z, real)
    np.testing.assert_allclose(z[real].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z[real].std(axis=0), 1)


def test_nothing_said_is_what_is_said_of_a_real() -> None:
    scores = np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 7.0], [np.nan, np.nan]])
    z = standardised(scores, np.array([True, True, False, False]))
    np.testing.assert_allclose(z, [[-1, 0], [1, 0], [0, 2], [0, 0]])


def test_reals_of_which_nothing_is_said_leave_scores_as_they_are() -> None:
    scores = np.array([[np.nan, np.nan], [2.0, 1.0]])
    z = standardised(scores, np.array([True, False]))
    np.testing.assert_allclose(z, [[0, 0], [2, 1]])


def test_jaccard_is_that_of_scikit_learn_over_samples() -> None:
    flags, truth = RNG.random((50, 4)) < 0.4, RNG.random((50, 4)) < 0.5
    want = jaccard_score(truth, flags, average="samples", zero_division=1)
    assert jaccard(flags, truth).mean() == pytest.approx(want)


def test_kappa_is_that_of_scikit_learn() -> None:
    flags, truth = RNG.random((50, 3)) < 0.4, RNG.random((50, 3)) < 0.5
    counts = RNG.integers(0, 3, (3, 50))
    for value, times in zip(kappa(flags, truth, counts.astype(float)), counts, strict=True):
        one, other = (np.repeat(each, times, axis=0).ravel() for each in (truth, flags))
        assert value == pytest.approx(cohen_kappa_score(one, other))


def test_a_part_is_raised_above_the_95th_percentile_of_its_reals() -> None:
    z = np.stack([np.arange(101.0), -np.arange(101.0)], axis=1)
    flags = raised(z, np.ones(101, bool))
    np.testing.assert_array_equal(flags.sum(axis=0), [5, 5])


def test_alarms_use_the_threshold_of_other_people() -> None:
    fold = np.repeat([0, 1], 100)
    z = np.zeros((200, 2))
    z[:100, 0] = np.arange(100)  # its own 95th percentile is 94.05; that of the others 0
    assert alarms(z, fold)[:100].mean() == 0.99
    assert alarms(z, fold)[100:].mean() == 0.0


def test_alarms_beyond_vals_reals_are_in_units_of_val() -> None:
    rng = np.random.default_rng(0)
    val, scores = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3))
    assert alarms_beyond(scores, val).mean() == pytest.approx(0.05, abs=0.006)
    np.testing.assert_array_equal(
        alarms_beyond(scores * 9 - 4, val * 9 - 4), alarms_beyond(scores, val)
    )
    single = np.arange(101.0)[:, None]
    np.testing.assert_array_equal(
        alarms_beyond(np.array([[94.9], [95.1], [np.nan]]), single), [False, True, False]
    )
    assert alarms_beyond(scores + 9, val).all()  # reals unlike val's are not excused


def test_alarms_of_exchangeable_reals_hold_five_per_cent() -> None:
    z = np.random.default_rng(0).normal(size=(20_000, 3))
    assert alarms(z, np.arange(20_000) % 2).mean() == pytest.approx(0.05, abs=0.006)


def test_a_mean_is_over_faces_that_have_a_value() -> None:
    values = np.array([1.0, np.nan, 4.0])
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 5.0, 1.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(mean(values, weights), [2.5, 2.0, np.nan])
