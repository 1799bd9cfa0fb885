"""Conformal p-values within classes of quality: counts by hand, and how rare false alarms are."""

from __future__ import annotations

import numpy as np
import pytest

from registry.results.conformal import QualityClasses, conformal_p


def test_p_is_a_count() -> None:
    reals = np.array([0.1, 0.4, 0.4, 0.9])
    found = conformal_p(np.array([0.0, 0.4, 0.41, 0.95]), reals)
    assert found.tolist() == [5 / 5, 4 / 5, 2 / 5, 1 / 5]


def test_classes_hold_equal_shares_and_what_lies_beyond_has_none() -> None:
    kept = np.exp(np.random.default_rng(0).normal(4, 1, 500))
    classes = QualityClasses.of(kept)
    counts = np.bincount(classes.of_faces(kept), minlength=5)
    assert counts.tolist() == [100] * 5
    low, high = kept.min(), kept.max()
    ends = classes.of_faces(np.array([low / 2, low / 1.1, high * 1.1, high * 2, np.nan]))
    assert ends.tolist() == [-1, 0, 4, -1, -1]
    assert classes.range_of(0)[1] == classes.range_of(1)[0]


def test_few_reals_make_few_classes() -> None:
    assert [len(QualityClasses.of(np.arange(1.0, n + 1)).edges) - 1 for n in (20, 130, 5000)] == [
        1, 2, 5,
    ]  # fmt: skip


def test_false_alarms_are_as_rare_as_said_in_every_class() -> None:
    """Soft faces score higher: pooled p-values accuse them, p-values of their class do not."""
    rng = np.random.default_rng(1)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        sharp = np.exp(rng.uniform(2, 6, count))
        return sharp, rng.normal(-np.log(sharp), 0.3)

    kept_sharp, kept = drawn(2000)
    sharp, scores = drawn(20000)
    classes = QualityClasses.of(kept_sharp)
    own, of_kept = classes.of_faces(sharp), classes.of_faces(kept_sharp)
    soft = own == 0
    assert (conformal_p(scores[soft], kept) <= 0.05).mean() > 0.2
    for number in range(5):
        p = conformal_p(scores[own == number], kept[of_kept == number])
        flagged = float((p <= 0.05).mean())
        spread = np.sqrt(0.05 * 0.95 * (1 / len(p) + 1 / 400))
        assert flagged == pytest.approx(0.05, abs=3 * spread)
