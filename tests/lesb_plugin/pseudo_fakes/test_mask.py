from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from lesb_plugin.pseudo_fakes.mask import (
    HULLS,
    elastic_field,
    face_hull,
    soften,
    support,
    warp_mask,
)
from tests.shared.planted import MEAN_FACE

SHAPE = (300, 260)
LANDMARKS = (MEAN_FACE * (120, 140) + (70, 100)).astype(np.float32)


def ellipse() -> np.ndarray:
    mask = np.zeros(SHAPE, np.float32)
    cv2.ellipse(mask, (130, 150), (70, 90), 0, 0, 360, 1.0, -1)
    return mask


@pytest.mark.parametrize("points", [68, 81])
@pytest.mark.parametrize("family", list(HULLS))
def test_every_family_is_hard_and_covers_the_nose_and_the_mouth(family: str, points: int) -> None:
    mask = face_hull(SHAPE, LANDMARKS[:points], family)
    assert set(np.unique(mask)) == {0, 1}
    for x, y in LANDMARKS[[30, 33, 62, 66]]:
        assert mask[int(y), int(x)] == 1
    (left, top), (right, bottom) = LANDMARKS.min(axis=0), LANDMARKS.max(axis=0)
    rows, columns = np.nonzero(mask)
    assert left - 1 <= columns.min()
    assert columns.max() <= right + 1
    assert top - 1 <= rows.min()
    assert rows.max() <= bottom + 1


def test_the_families_differ_and_only_the_full_hull_knows_the_forehead() -> None:
    masks = {family: face_hull(SHAPE, LANDMARKS, family) for family in HULLS}
    areas = {family: mask.sum() for family, mask in masks.items()}
    assert len(set(areas.values())) == 4
    assert max(areas, key=lambda family: areas[family]) == "full"
    for family in HULLS:
        known68 = face_hull(SHAPE, LANDMARKS[:68], family)
        assert np.array_equal(masks[family], known68) == (family != "full")


def test_raised_brows_reach_above_the_brows() -> None:
    brow = LANDMARKS[17:27, 1].min()
    top = np.flatnonzero(face_hull(SHAPE, LANDMARKS, "brows").any(axis=1))[0]
    assert brow - 12 < top < brow - 3


def test_the_elastic_field_is_scipys_gaussian_filter_of_the_same_noise() -> None:
    field = elastic_field(120, 150, np.random.default_rng(5), amplitude=50.0, sigma=7.0)
    noise = np.random.default_rng(5).random((120, 150, 2), dtype=np.float32)
    for axis in range(2):
        expected = 50.0 * ndimage.gaussian_filter(
            2.0 * noise[..., axis].astype(np.float64) - 1.0, 7.0, mode="reflect"
        )
        np.testing.assert_allclose(field[..., axis], expected, rtol=0, atol=4e-6)


def test_the_elastic_warp_moves_the_edge_by_about_a_pixel_and_the_rest_not_at_all() -> None:
    mask = ellipse()
    warped = warp_mask(mask, np.random.default_rng(0), amplitude=50.0, sigma=7.0)
    changed = np.abs(warped - mask) > 0.5
    distance = np.where(
        mask > 0, ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(1 - mask)
    )
    assert 0 < changed.mean() < 0.02
    assert distance[changed].max() < 8
    np.testing.assert_array_equal(
        warp_mask(mask, np.random.default_rng(0), amplitude=0.0, sigma=7.0), mask
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_softened_mask_peaks_at_1_and_stays_inside_of_the_hard_one(seed: int) -> None:
    mask = ellipse()
    soft = soften(mask, np.random.default_rng(seed), grid=(192, 256), kernel=(5, 25))
    assert soft.shape == mask.shape
    assert soft.dtype == np.float32
    assert soft.min() == 0
    assert soft.max() == 1
    reach = int(np.ceil(25 / 2 * 300 / 192)) + 2  # the second blur's, in pixels of the mask
    assert not soft[ndimage.distance_transform_edt(1 - mask) > reach].any()
    assert soft[150, 130] == 1


def test_a_wider_kernel_leaves_a_smaller_interior() -> None:
    def interior(size: int) -> float:
        rng = np.random.default_rng(0)
        return float((soften(ellipse(), rng, grid=(200, 200), kernel=(size, size)) == 1).mean())

    assert interior(5) > interior(15) > interior(25) > 0


def test_a_mask_without_interior_is_refused() -> None:
    thin = np.zeros(SHAPE, np.float32)
    thin[150, 100:160] = 1
    for mask in (thin, np.zeros(SHAPE, np.float32)):
        with pytest.raises(ValueError, match="too little of the face"):
            soften(mask, np.random.default_rng(0), grid=(192, 256), kernel=(5, 25))


def test_an_empty_mask_has_no_support_and_is_warped_to_itself() -> None:
    empty = np.zeros(SHAPE, np.float32)
    assert empty[support(empty, 5)].size == 0
    assert not warp_mask(empty, np.random.default_rng(0), amplitude=50.0, sigma=7.0).any()


def test_support_bounds_the_non_zero_pixels() -> None:
    mask = ellipse()
    assert (mask[support(mask)] > 0).sum() == (mask > 0).sum()
    assert mask[support(mask)].shape == (181, 141)
    assert mask[support(mask, 1000)].shape == SHAPE
