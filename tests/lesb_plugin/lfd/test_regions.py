from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from scipy.spatial import ConvexHull

from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import (
    STILL,
    Jitter,
    Region,
    RegionSet,
    interocular_distance,
    load_regions,
    part_mask,
)
from registry import ConfigError
from tests.shared.planted import MEAN_FACE

LANDMARKS = MEAN_FACE * (180, 200) + (20, 12)  # a face in a crop of 224 pixels
MOUTH = Region("mouth", (tuple(range(48, 60)),))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def hull_distance(points: np.ndarray, size: int) -> np.ndarray:
    """Signed distance of every pixel to the hull's nearest edge line, negative inside."""
    ys, xs = np.mgrid[:size, :size]
    equations = ConvexHull(points).equations  # (edges, 3), unit normals pointing out
    pixels = np.stack([xs.ravel(), ys.ravel()], axis=1)
    return (pixels @ equations[:, :2].T + equations[:, 2]).max(axis=1).reshape(size, size)


# --- masks -----------------------------------------------------------------------------------


def test_a_mask_without_jitter_is_the_hull_of_its_landmarks():
    mask = part_mask(LANDMARKS, MOUTH, 224, STILL, rng())
    distance = hull_distance(LANDMARKS[48:60], 224)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert (mask[distance < -1] == 1).all()
    assert (mask[distance > 1] == 0).all()


def test_dilation_grows_the_hull_by_its_radius():
    grown = Jitter(**{**vars_of(STILL), "dilation": (0.15, 0.15)})
    mask = part_mask(LANDMARKS, MOUTH, 224, grown, rng())
    radius = 0.15 * interocular_distance(LANDMARKS)
    distance = hull_distance(LANDMARKS[48:60], 224)
    assert (mask[distance < -1] == 1).all()
    assert (mask[distance > radius + 1.5] == 0).all()
    straight_above = int(LANDMARKS[48:60, 1].max() + radius - 1.5), int(LANDMARKS[57, 0])
    assert mask[straight_above] == 1


def vars_of(jitter: Jitter) -> dict[str, object]:
    return {name: getattr(jitter, name) for name in jitter.__slots__}


@pytest.mark.parametrize("part", ["eyes", "nose", "mouth"])
def test_masks_are_soft_with_a_peak_of_one_and_exact_zeros_around(regions, part):
    region = regions.parts[regions.names.index(part)]
    for seed in range(20):
        mask = part_mask(LANDMARKS, region, 224, regions.jitter, rng(seed))
        assert mask.dtype == np.float32
        assert mask.shape == (224, 224)
        assert mask.max() == 1.0
        assert mask.min() == 0.0
        assert ((mask > 0) & (mask < 1)).any()
        assert (mask > 0.5).sum() > 100
        assert (mask == 0).mean() > 0.5


def test_eyes_are_two_patches_and_nose_and_mouth_one(regions):
    patches = {
        region.name: scipy.ndimage.label(part_mask(LANDMARKS, region, 224, STILL, rng()))[1]
        for region in regions.parts
    }
    assert patches == {"eyes": 2, "nose": 1, "mouth": 1}


def test_the_same_generator_gives_the_same_mask_and_another_one_another(regions):
    masks = [part_mask(LANDMARKS, MOUTH, 224, regions.jitter, rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_masks_vary_in_size_shape_and_position_within_their_bounds(regions):
    iod = interocular_distance(LANDMARKS)
    still = part_mask(LANDMARKS, MOUTH, 224, STILL, rng())
    centre = np.array(scipy.ndimage.center_of_mass(still))
    masks = [part_mask(LANDMARKS, MOUTH, 224, regions.jitter, rng(seed)) for seed in range(60)]
    shifts = np.array([scipy.ndimage.center_of_mass(mask) for mask in masks]) - centre
    areas = np.array([(mask > 0.5).sum() for mask in masks]) / still.sum()
    assert np.abs(shifts).max() < 0.12 * iod  # 0.08 of shift and what the points add
    assert shifts.std(axis=0).min() > 0.02 * iod
    assert areas.min() > 0.85
    assert areas.max() / areas.min() > 1.5


def test_lengths_follow_the_size_of_the_face(regions):
    small = part_mask(LANDMARKS, MOUTH, 224, regions.jitter, rng(3))
    large = part_mask(LANDMARKS * 2 + 0.5, MOUTH, 448, regions.jitter, rng(3))
    reduced = large.reshape(224, 2, 224, 2).mean(axis=(1, 3))
    assert np.abs(small - reduced).mean() < 0.004
    assert np.corrcoef(small.ravel(), reduced.ravel())[0, 1] > 0.99


def test_68_and_81_points_give_the_same_mask(regions):
    for region in regions.parts:
        all_points = part_mask(LANDMARKS, region, 224, regions.jitter, rng(5))
        fewer = part_mask(LANDMARKS[:68], region, 224, regions.jitter, rng(5))
        assert np.array_equal(all_points, fewer)


def test_a_part_over_the_edge_is_the_cut_of_the_same_part_in_a_larger_image(regions):
    shift = np.array([0, 80])  # the mouth hangs over the lower edge
    cut = part_mask(LANDMARKS + shift, MOUTH, 224, regions.jitter, rng(6))
    whole = part_mask(LANDMARKS + shift, MOUTH, 448, regions.jitter, rng(6))
    expected = whole[:224, :224] / whole[:224, :224].max()
    assert expected.max() > 0
    np.testing.assert_allclose(cut, expected, atol=1e-3)


def test_images_need_not_be_square(regions):
    mask = part_mask(LANDMARKS, MOUTH, (224, 300), regions.jitter, rng(7))
    square = part_mask(LANDMARKS, MOUTH, 300, regions.jitter, rng(7))
    assert mask.shape == (224, 300)
    np.testing.assert_allclose(mask, square[:224], atol=1e-6)


def test_landmarks_are_left_as_they_were(regions):
    landmarks = LANDMARKS.astype(np.float32)
    before = landmarks.copy()
    part_mask(landmarks, MOUTH, 224, regions.jitter, rng())
    assert np.array_equal(landmarks, before)


@pytest.mark.parametrize("shift", [(500, 0), (0, -500), (1e9, 1e9)])
def test_a_part_outside_the_image_is_an_error_that_says_where_it_is(regions, shift):
    with pytest.raises(ValueError, match=r"'mouth' has no pixel inside the 224x224 image.*span x"):
        part_mask(LANDMARKS + shift, MOUTH, 224, regions.jitter, rng())


@pytest.mark.parametrize(
    ("landmarks", "text"),
    [
        (np.where(np.arange(162).reshape(81, 2) == 100, np.nan, LANDMARKS), "finite"),
        (np.zeros((81, 2)), "eyes must not coincide"),
        (LANDMARKS[:50], "up to number 59; got an array of shape"),
        (LANDMARKS.T, "got an array of shape"),
    ],
)
def test_unusable_landmarks_are_an_error(regions, landmarks, text):
    with pytest.raises(ValueError, match=text):
        part_mask(landmarks, MOUTH, 224, regions.jitter, rng())


# --- configuration ---------------------------------------------------------------------------


def test_the_shipped_parts_are_those_of_the_paper(regions):
    polygons = {
        region.name: [set(polygon) for polygon in region.polygons] for region in regions.parts
    }
    assert polygons == {
        "eyes": [{*range(17, 22), *range(36, 42)}, {*range(22, 27), *range(42, 48)}],
        "nose": [set(range(27, 36))],
        "mouth": [set(range(48, 60))],
    }
    assert regions.jitter == Jitter()


def test_a_configuration_survives_the_way_through_a_mapping(regions):
    assert load_regions(regions.to_mapping()) == regions


def test_a_fourth_part_needs_only_yaml(regions, tmp_path: Path):
    file = tmp_path / "with_brows.yaml"
    file.write_text(
        "parts:\n"
        "  eyes: [[17-21, 36-41], [22-26, 42-47]]\n"
        "  nose: [[27-35]]\n"
        "  mouth: [[48-59]]\n"
        "  brows: [[17-21], [22-26]]\n"
    )
    loaded = region_preset(str(file))
    assert loaded == RegionSet(
        (*regions.parts, Region("brows", (tuple(range(17, 22)), tuple(range(22, 27))))), Jitter()
    )
    mask = part_mask(LANDMARKS, loaded.parts[3], 224, loaded.jitter, rng())
    rows = np.flatnonzero((mask > 0.5).any(axis=1))
    assert rows.min() < LANDMARKS[17:27, 1].mean() < rows.max() < LANDMARKS[31, 1]


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"part": {}}, "unknown key 'part'; known: parts, jitter"),
        ({}, "at least one part"),
        ({"parts": {"left eye": [[1, 2, 3]]}}, "letters, digits and underscores"),
        ({"parts": {"face": [[1, 2, 3]]}}, "reserved for the face as a whole"),
        ({"parts": {"Rest": [[1, 2, 3]]}}, "what is in no part"),
        ({"parts": {"eyes": []}}, "list of polygons"),
        ({"parts": {"eyes": [17, 18, 19]}}, "a polygon as a list"),
        ({"parts": {"eyes": [[17, 18]]}}, "at least three landmarks"),
        ({"parts": {"eyes": [[17, 18, 81]]}}, "81 is not a landmark index; expected 0 to 80"),
        ({"parts": {"eyes": [["21-17"]]}}, "'21-17' is not a landmark index"),
        ({"parts": {"eyes": [["a"]]}}, "'a' is not a landmark index"),
        ({"parts": {"eyes": [[1, 2, 3]]}, "jitter": {"rotate": 1}}, "unknown jitter 'rotate'"),
        ({"parts": {"eyes": [[1, 2, 3]]}, "jitter": {"shift": -1}}, "jitter 'shift': expected"),
        ({"parts": {"eyes": [[1, 2, 3]]}, "jitter": {"scale": 2}}, r"expected \[low, high\]"),
        ({"parts": {"eyes": [[1, 2, 3]]}, "jitter": {"scale": [2, 1]}}, "low <= high"),
    ],
)
def test_a_wrong_configuration_is_an_error_that_names_the_value(mapping, text):
    with pytest.raises(ValueError, match=text):
        load_regions(mapping)


def test_a_wrong_regions_file_is_a_config_error_that_names_the_file(tmp_path: Path):
    file = tmp_path / "bad.yaml"
    file.write_text("parts: {eyes: [[17, 18]]}\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml.*three landmarks"):
        region_preset(str(file))
