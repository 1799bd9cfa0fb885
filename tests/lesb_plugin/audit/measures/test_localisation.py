"""Measures of maps in masks, by hand and by the definitions that Quantus publishes."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.audit.measures.localisation import (
    concentration,
    pointing,
    relevance_mass,
    relevance_rank,
)

MASK = np.zeros((4, 5), bool)
MASK[1:3, 1:4] = True  # 6 of 20 pixels
HEAT = np.random.default_rng(1).permutation(20).reshape(4, 5).astype(np.float32)


def test_mass_is_the_sum_inside_over_the_sum() -> None:
    assert relevance_mass(HEAT, MASK) == pytest.approx(HEAT[MASK].sum() / HEAT.sum())


def test_what_speaks_against_fake_has_no_mass() -> None:
    heat = np.where(MASK, -1.0, 0.0)
    heat[1, 1], heat[0, 0] = 3.0, 1.0
    assert relevance_mass(heat, MASK) == 0.75
    assert relevance_mass(-np.ones((4, 5)), MASK) == 0.0


def test_an_even_map_has_the_masks_share_of_the_area() -> None:
    even = np.ones((4, 5))
    assert relevance_mass(even, MASK) == pytest.approx(6 / 20)
    assert relevance_rank(even, MASK) == pytest.approx(6 / 20)
    assert pointing(even, MASK) == pytest.approx(6 / 20)
    assert concentration(even, MASK) == pytest.approx(1.0)


def test_rank_is_the_share_of_the_mask_among_as_many_highest_pixels() -> None:
    top = np.argsort(-HEAT, axis=None)[:6]
    assert relevance_rank(HEAT, MASK) == MASK.ravel()[top].mean()


def test_pixels_that_tie_at_the_threshold_share_the_room_that_is_left() -> None:
    heat = np.zeros((4, 5))
    heat[1, 1:4] = 2.0  # three in the mask, then seventeen alike, three of them in the mask
    assert relevance_rank(heat, MASK) == pytest.approx((3 + 3 * 3 / 17) / 6)


def test_pointing_is_whether_the_maximum_lies_inside() -> None:
    assert pointing(np.where(HEAT == 19, 19, 0) * 1.0, MASK) == float(MASK[HEAT == 19][0])
    inside = HEAT.copy()
    inside[2, 2] = 99
    assert pointing(inside, MASK) == 1.0


def test_a_map_that_is_the_mask_is_perfect() -> None:
    heat = MASK.astype(float)
    assert relevance_mass(heat, MASK) == relevance_rank(heat, MASK) == pointing(heat, MASK) == 1.0
    assert concentration(heat, MASK) == pytest.approx(20 / 6)
