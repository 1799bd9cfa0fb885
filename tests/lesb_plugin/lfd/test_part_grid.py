from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lesb_plugin.lfd.part_grid import fine_masks, on_grid, part_weights, pool
from lesb_plugin.lfd.regions import RegionSet
from tests.shared.planted import MEAN_FACE

SIZE = 112
GRID = (14, 14)
LANDMARKS = (MEAN_FACE * 80 + 16).astype(np.float32)


def test_pooling_is_the_weighted_mean_over_positions() -> None:
    maps = np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 4.0], [8.0, 0.0]]]])  # (1, 2, 2, 2)
    weights = np.array([[[[1.0, 0.0], [0.0, 0.5]], [[0.0, 1.0], [1.0, 0.5]]]])
    by_hand = [[(1 + 3) / 1.5, 0.0], [(2 + 3 + 3) / 2.5, (4 + 8) / 2.5]]
    assert_allclose(pool(maps, weights), [by_hand], rtol=1e-6)


def test_no_cell_is_given_away_twice(regions: RegionSet) -> None:
    masks = fine_masks(LANDMARKS, regions, SIZE, GRID)
    assert masks.shape == (3, 56, 56)
    assert (masks >= 0).all()
    assert masks.sum(axis=0).max() <= 1 + 1e-6
    assert (masks.sum(axis=0) > 0.99).any()
    assert ((masks > 0).sum(axis=0) > 1).any()  # eyes and nose meet, and share


def test_parts_and_the_rest_of_the_image_add_up_to_a_linear_heads_logit(
    regions: RegionSet,
) -> None:
    """The decomposition of a mean-pooled detector: sum_k pi_k w.e_k = w.mean(A)."""
    rng = np.random.default_rng(0)
    maps, direction = rng.normal(size=(1, 5, *GRID)), rng.normal(size=5)
    weights = part_weights(LANDMARKS, regions, SIZE, GRID)
    weights = np.concatenate([weights, 1 - weights.sum(axis=0, keepdims=True)])
    shares = weights.mean(axis=(1, 2))  # pi_k
    parts = shares * (pool(maps, weights[None])[0] @ direction)
    assert_allclose(parts.sum(), maps[0].mean(axis=(1, 2)) @ direction, rtol=1e-5)


def test_a_part_weighs_most_where_its_landmarks_lie(regions: RegionSet) -> None:
    weights = part_weights(LANDMARKS, regions, SIZE, GRID)
    rows, columns = np.mgrid[:14, :14]
    cell = SIZE / 14
    for k, indices in enumerate(([*range(17, 27), *range(36, 48)], range(27, 36), range(48, 60))):
        x, y = LANDMARKS[list(indices)].mean(axis=0)
        total = weights[k].sum()
        found = ((columns + 0.5) * weights[k]).sum() * cell / total
        assert found == pytest.approx(x, abs=cell)
        assert ((rows + 0.5) * weights[k]).sum() * cell / total == pytest.approx(y, abs=cell)


def test_weights_do_not_depend_on_the_size_of_the_crop(regions: RegionSet) -> None:
    twice = (LANDMARKS + 0.5) * 2 - 0.5  # the same places in an image of twice the side
    assert_allclose(
        part_weights(twice, regions, 2 * SIZE, GRID),
        part_weights(LANDMARKS, regions, SIZE, GRID),
        atol=1e-5,
    )


def test_weights_are_the_same_every_time_although_training_masks_vary(regions: RegionSet) -> None:
    first, second = (fine_masks(LANDMARKS, regions, SIZE, GRID) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_cell_holds_the_mean_of_its_pixels() -> None:
    masks = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert_allclose(on_grid(masks, (2, 2)), [[[2.5, 4.5], [10.5, 12.5]]])


def test_a_part_outside_of_the_crop_has_no_weights(regions: RegionSet) -> None:
    lower = LANDMARKS.copy()
    lower[48:68] += (0, SIZE)
    with pytest.raises(ValueError, match="part 'mouth' has no pixel inside"):
        part_weights(lower, regions, SIZE, GRID)
