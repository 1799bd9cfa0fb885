from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.roi.localisation import localisation

LABELS = np.array(
    [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0], [1, np.nan, 0]]
)
SCORES = np.array([
    [0.9, 0.1, 0.2, 0.3, 0.9, 0.1, 0.2],
    [0.1, 0.2, 0.8, 0.4, 0.9, 0.1, 0.9],
    [0.2, 0.3, 0.1, 0.2, 0.9, 0.1, 0.1],
])  # fmt: skip
REALS = np.array([[0.0, 0.5], [0.3, 0.3], [0.2, 0.6]])


def test_right_part_is_averaged_over_parts_not_images() -> None:
    found = localisation(SCORES, LABELS, REALS)
    assert found.singles == 4
    assert found.right_part == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_part_auc_compares_with_the_same_part_of_reals() -> None:
    # Eyes: .9 and .1 against 0 and .5; nose: .8 against .3 twice; mouth: .2 against .2 and .6.
    assert localisation(SCORES, LABELS, REALS).part_auc == pytest.approx([0.75, 1.0, 0.25])


def test_redundancy_is_the_mean_correlation_of_pairs() -> None:
    singles = SCORES[:, :4]
    pairs = [np.corrcoef(singles[j], singles[k])[0, 1] for j, k in ((0, 1), (0, 2), (1, 2))]
    assert localisation(SCORES, LABELS, REALS).redundancy == pytest.approx(np.mean(pairs))


def test_nothing_can_be_said_without_images_of_one_part() -> None:
    found = localisation(SCORES[:, 4:6], LABELS[4:6], REALS)
    assert found.singles == 0
    assert np.isnan([found.right_part, found.redundancy, *found.part_auc]).all()
