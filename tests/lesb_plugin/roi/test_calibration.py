from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import zscore
from sklearn.metrics import roc_auc_score

from lesb_plugin.roi.calibration import SHARED, WEIGHTS, Calibration, choose_fusion, fit_calibration

RNG = np.random.default_rng(0)
REALS = RNG.normal([[-3.0], [2.0], [0.0]], [[0.5], [2.0], [1.0]], (3, 400))
LABELS = (RNG.random((500, 3)) < 0.3).astype(np.float32)
LOGITS = RNG.normal([[-3.0], [2.0], [0.0]], [[0.5], [2.0], [1.0]], (3, 500))
LOGITS += LABELS.T * [[1.0], [4.0], [2.0]]  # two deviations of reals each


def test_logits_are_measured_by_those_of_reals() -> None:
    found = fit_calibration(REALS, LOGITS, LABELS)
    assert_allclose(found.standardise(REALS), zscore(REALS, axis=1))


def test_scores_are_the_chance_that_a_part_was_changed() -> None:
    """By Bayes' rule for two normals a distance of 2 apart, 3 of 10 changed, parts independent."""
    found = fit_calibration(REALS, LOGITS, LABELS)
    assert found.shared == 0
    z = np.linspace(-1, 3, 9)
    expected = expit(2 * z - 2 + np.log(0.3 / 0.7))
    logits = z * found.deviation[:, None] + found.mean[:, None]
    assert_allclose(found.scores(logits), np.tile(expected, (3, 1)), atol=0.06)


def test_what_a_face_says_as_a_whole_is_taken_from_its_parts() -> None:
    rng = np.random.default_rng(4)
    mood = rng.normal(0, 2, 500) * REALS.std(axis=1)[:, None]  # of the image, alike for all parts
    found = fit_calibration(REALS, LOGITS + mood, LABELS)
    assert found.shared == max(SHARED)
    plain = replace(found, shared=0.0)
    for k in range(3):
        aucs = [
            roc_auc_score(LABELS[:, k], each.contrast(LOGITS + mood)[k]) for each in (plain, found)
        ]
        assert aucs[1] > aucs[0] + 0.02


def test_no_share_changes_which_part_of_a_face_scores_highest() -> None:
    found = fit_calibration(REALS, LOGITS, LABELS)
    first = [replace(found, shared=share).scores(LOGITS).argmax(axis=0) for share in SHARED]
    assert all(np.array_equal(each, first[0]) for each in first)


def test_a_label_that_is_not_known_changes_nothing() -> None:
    labels, logits = LABELS.copy(), LOGITS.copy()
    labels[:50] = np.nan
    logits[:, :50] = 1e6
    expected = fit_calibration(REALS, LOGITS[:, 50:], LABELS[50:])
    assert fit_calibration(REALS, logits, labels).slope == pytest.approx(expected.slope)


def test_heads_that_are_wrong_are_not_turned_around() -> None:
    found = fit_calibration(REALS, LOGITS, 1 - LABELS)
    scores = found.scores(LOGITS)
    assert found.slope == 0
    assert_allclose(scores, (1 - LABELS).mean(), rtol=1e-6)


def test_a_calibration_comes_back_from_its_tensors() -> None:
    found = fit_calibration(REALS, LOGITS, LABELS)
    again = Calibration.from_tensors(found.tensors())
    assert_allclose(again.scores(LOGITS), found.scores(LOGITS))


def fused(head_knows: float, parts_know: float) -> tuple[float, float, float]:
    """The weight that is chosen, the AUC it gives, and the share of reals above .5."""
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 1000)
    head = rng.normal(size=2000) + head_knows * labels
    z = rng.normal(size=(3, 2000)) + parts_know * labels
    reals = rng.normal(-1.0, 1.0, 600), rng.normal(size=(3, 600))
    fusion = choose_fusion(head, z, labels, *reals)
    auc = float(roc_auc_score(labels, fusion.logits(head, z)))
    assert auc == pytest.approx(max(fusion.aucs))
    assert float((reals[0] > 0).mean()) == pytest.approx(
        float((fusion.logits(*reals) > 0).mean()), abs=0.002
    )
    return fusion.weight, auc, fusion.aucs[0]


def test_parts_that_know_nothing_are_left_out() -> None:
    weight, auc, head = fused(2.0, 0.0)
    assert weight == 0
    assert auc == head


def test_parts_that_know_something_are_let_in() -> None:
    weight, auc, head = fused(0.5, 1.5)
    assert weight == max(WEIGHTS)
    assert auc > head + 0.05
