"""The metrics against scikit-learn, brute force, and vectors worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score, roc_curve

from registry.builtin import metrics
from registry.errors import UndefinedMetricError

NAMES = ("auc", "ap", "eer", "accuracy", "tpr_at_fpr_1", "tpr_at_fpr_5")
BOTH_CLASSES = [name for name in NAMES if name != "accuracy"]
Sample = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


def samples(count: int = 40) -> list[Sample]:
    """Labels, scores full of ties, and weights with zeros; both classes have weight."""
    rng = np.random.default_rng(3)
    made: list[Sample] = []
    while len(made) < count:
        n = int(rng.integers(4, 60))
        labels = rng.integers(0, 2, n)
        scores = np.round(rng.random(n), int(rng.integers(0, 4)))
        weights = rng.integers(0, 4, n)
        if {0, 1} <= set(labels[weights > 0].tolist()):
            made.append((labels, scores, weights))
    return made


def call(name: str, labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    return float(getattr(metrics, name)(labels, scores))


def weighted(name: str) -> Callable[..., NDArray[np.float64]]:
    function: Callable[..., NDArray[np.float64]] = getattr(metrics, f"{name}_weighted")
    return function


def eer_by_bisection(
    labels: NDArray[np.int64], scores: NDArray[np.float64], weights: NDArray[np.int64]
) -> float:
    """Walk along the polyline FPR - FNR by bisection on arc parameter, as a reference."""
    fpr, tpr, _ = roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    along = np.arange(fpr.size, dtype=float)
    low, high = 0.0, along[-1]
    for _ in range(200):
        middle = (low + high) / 2
        if np.interp(middle, along, fpr) >= 1 - np.interp(middle, along, tpr):
            high = middle
        else:
            low = middle
    return float(np.interp(high, along, fpr))


def best_tpr(
    labels: NDArray[np.int64], scores: NDArray[np.float64], weights: NDArray[np.int64], percent: int
) -> float:
    """Try every threshold."""
    reals = int(weights[labels == 0].sum())
    if percent * reals < 100:
        return float("nan")
    fakes = int(weights[labels == 1].sum())
    best = 0
    for threshold in [*set(scores.tolist()), np.inf]:
        called = scores >= threshold
        if 100 * int(weights[called & (labels == 0)].sum()) <= percent * reals:
            best = max(best, int(weights[called & (labels == 1)].sum()))
    return best / fakes


@pytest.mark.parametrize("sample", samples())
def test_auc_and_ap_agree_with_scikit_learn(sample: Sample) -> None:
    labels, scores, weights = sample
    if 0 < labels.sum() < labels.size:
        assert call("auc", labels, scores) == pytest.approx(roc_auc_score(labels, scores))
        assert call("ap", labels, scores) == pytest.approx(average_precision_score(labels, scores))
    for name, reference in (("auc", roc_auc_score), ("ap", average_precision_score)):
        expected = reference(labels, scores, sample_weight=weights)
        assert weighted(name)(labels, scores, weights[None])[0] == pytest.approx(expected)


@pytest.mark.parametrize("sample", samples())
def test_accuracy_agrees_with_scikit_learn(sample: Sample) -> None:
    labels, scores, weights = sample
    called = (scores >= 0.5).astype(int)
    assert call("accuracy", labels, scores) == pytest.approx(accuracy_score(labels, called))
    expected = accuracy_score(labels, called, sample_weight=weights)
    assert weighted("accuracy")(labels, scores, weights[None])[0] == pytest.approx(expected)


@pytest.mark.parametrize("sample", samples())
def test_eer_is_where_the_interpolated_roc_curve_crosses_the_diagonal(sample: Sample) -> None:
    labels, scores, weights = sample
    expected = eer_by_bisection(labels, scores, weights)
    assert weighted("eer")(labels, scores, weights[None])[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("percent", [1, 5])
def test_tpr_at_fpr_is_the_best_of_all_thresholds(percent: int) -> None:
    rng = np.random.default_rng(percent)
    for _ in range(30):
        n = int(rng.integers(50, 400))
        labels = (rng.random(n) < 0.5).astype(np.int64)
        scores = np.round(rng.normal(labels, 1), 1)
        weights = rng.integers(0, 3, n)
        got = weighted(f"tpr_at_fpr_{percent}")(labels, scores, weights[None])[0]
        assert got == pytest.approx(best_tpr(labels, scores, weights, percent), nan_ok=True)


@pytest.mark.parametrize("name", NAMES)
def test_many_weightings_at_once_equal_repeated_samples_one_by_one(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    scores = np.round(rng.normal(labels, 1), 1)
    weights = rng.integers(0, 3, (50, 300))
    weights[0] = labels  # no reals
    weights[1] = 0
    for got, weight in zip(weighted(name)(labels, scores, weights), weights, strict=True):
        try:
            expected = call(name, np.repeat(labels, weight), np.repeat(scores, weight))
        except UndefinedMetricError:
            expected = float("nan")
        assert got == pytest.approx(expected, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_sample_and_a_monotone_rescaling_change_nothing(name: str) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    scores = np.round(rng.random(400), 2)
    order = rng.permutation(400)
    value = call(name, labels, scores)
    assert call(name, labels[order], scores[order]) == value
    if name != "accuracy":
        assert call(name, labels, scores**3) == value


@pytest.mark.parametrize(
    ("name", "best"), [("auc", 1.0), ("ap", 1.0), ("accuracy", 1.0), ("eer", 0.0)]
)
def test_perfect_scores_get_the_best_value(name: str, best: float) -> None:
    labels = np.array([0, 0, 1, 1])
    assert call(name, labels, np.array([0.1, 0.2, 0.8, 0.9])) == best


def test_reversed_scores_get_the_worst_values() -> None:
    labels = np.array([0, 0, 1, 1])
    scores = np.array([0.8, 0.9, 0.1, 0.2])
    assert call("auc", labels, scores) == 0
    assert call("eer", labels, scores) == 1
    assert call("accuracy", labels, scores) == 0


@pytest.mark.parametrize(("name", "value"), [("auc", 0.5), ("eer", 0.5), ("ap", 0.25)])
def test_constant_scores_are_guessing(name: str, value: float) -> None:
    labels = np.array([0, 0, 0, 1])
    assert call(name, labels, np.full(4, 0.3)) == value


def test_vectors_worked_out_by_hand() -> None:
    labels = np.array([0, 1, 0, 1, 1])
    scores = np.array([0.1, 0.4, 0.4, 0.6, 0.9])
    # Pairs (fake, real): .4 beats .1 and ties .4; .6 and .9 beat both: 5.5 of 6.
    assert call("auc", labels, scores) == pytest.approx(5.5 / 6)
    # Thresholds .9, .6, .4, .1 have precision 1, 1, 3/4, 3/5 and recall 1/3, 2/3, 1, 1.
    assert call("ap", labels, scores) == pytest.approx(1 / 3 + 1 / 3 + 1 / 3 * 3 / 4)
    # From (0, 2/3) to (1/2, 1): FPR = 1 - TPR at t/2 = 1/3 - t/3, t = 2/5.
    assert call("eer", labels, scores) == pytest.approx(0.2)
    assert call("accuracy", labels, scores) == pytest.approx(4 / 5)


def test_a_score_of_exactly_one_half_is_called_fake() -> None:
    assert call("accuracy", np.array([1, 0]), np.array([0.5, 0.5])) == 0.5
    assert call("accuracy", np.array([1]), np.array([0.5])) == 1.0


def test_one_percent_of_a_hundred_reals_is_exactly_one_false_positive() -> None:
    labels = np.array([0] * 100 + [1] * 4)
    fakes = [0.95, 0.85, 0.85, 0.1]
    one = np.array([0.9] + [0.2] * 99 + fakes)
    two = np.array([0.9, 0.9] + [0.2] * 98 + fakes)
    assert call("tpr_at_fpr_1", labels, one) == 0.75
    assert call("tpr_at_fpr_1", labels, two) == 0.25
    assert call("tpr_at_fpr_5", labels, two) == 0.75


@pytest.mark.parametrize(("name", "needed"), [("tpr_at_fpr_1", 100), ("tpr_at_fpr_5", 20)])
def test_tpr_at_fpr_needs_enough_reals_and_says_how_many(name: str, needed: int) -> None:
    labels = np.array([0] * needed + [1])
    assert call(name, labels, labels.astype(float)) == 1.0
    with pytest.raises(UndefinedMetricError, match=f"needs {needed} reals, got {needed - 1}"):
        call(name, labels[1:], labels[1:].astype(float))


@pytest.mark.parametrize("name", BOTH_CLASSES)
@pytest.mark.parametrize(("label", "reason"), [(0, "3 real, no fake"), (1, "3 fake, no real")])
def test_a_single_class_is_undefined_with_the_reason(name: str, label: int, reason: str) -> None:
    with pytest.raises(UndefinedMetricError, match=f"a single class: {reason}"):
        call(name, np.full(3, label), np.array([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("name", NAMES)
def test_no_samples_are_undefined(name: str) -> None:
    with pytest.raises(UndefinedMetricError, match="no samples"):
        call(name, np.array([], dtype=np.int64), np.array([]))


def test_roc_points_are_those_of_scikit_learn() -> None:
    for labels, scores, _ in samples(10):
        if not 0 < labels.sum() < labels.size:
            continue
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        np.testing.assert_allclose(metrics.roc_points(labels, scores), (fpr, tpr))


def test_what_is_remembered_of_read_only_arrays_is_never_given_for_others() -> None:
    rng = np.random.default_rng(5)
    labels, scores = rng.integers(0, 2, 50), rng.random(50)
    first, second = rng.integers(0, 3, (2, 4, 50))
    for array in (labels, scores, first, second):
        array.flags.writeable = False
    expected = weighted("auc")(labels, scores, second.copy())
    weighted("auc")(labels, scores, first)
    np.testing.assert_array_equal(weighted("auc")(labels, scores, second), expected)
    np.testing.assert_array_equal(weighted("auc")(labels, scores, second), expected)
    changed = second.copy()
    weighted("auc")(labels, scores, changed)
    changed[:] = first
    np.testing.assert_array_equal(
        weighted("auc")(labels, scores, changed), weighted("auc")(labels, scores, first.copy())
    )


@pytest.mark.parametrize("sample", samples())
def test_false_alarms_are_what_accuracy_of_reals_leaves(sample: Sample) -> None:
    labels, scores, weights = sample
    real = labels == 0
    if not weights[real].sum():
        pytest.skip("no weight on the reals")
    called = (scores[real] > 0.5).astype(int)
    expected = 1 - accuracy_score(labels[real], called, sample_weight=weights[real])
    found = weighted("false_alarms")(labels, scores, weights[None])[0]
    assert found == pytest.approx(expected)


def test_false_alarms_need_no_fakes_but_reals() -> None:
    assert call("false_alarms", np.zeros(4, np.int64), np.array([0.5, 0.51, 0.2, 0.9])) == 0.5
    with pytest.raises(UndefinedMetricError, match="no real"):
        call("false_alarms", np.ones(2, np.int64), np.array([0.5, 0.9]))
