"""Colours on a face: every value checked by hand or against matplotlib's tables."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.drawing.overlay import STYLES, Style, colour_bar, overlay, region_fill
from lesb_plugin.explainers.masks import NoPartsError
from lesb_plugin.explainers.polygons import part_polygons
from lesb_plugin.lfd.regions import RegionSet
from registry import Crop
from registry.checks import example_crops

GREY = np.full((64, 64, 3), 101, np.uint8)
SQUARE = [np.array([(20, 24), (40, 24), (40, 36), (20, 36)], np.float32)]


def table(name: str) -> NDArray[np.float64]:
    return 255 * mpl.colormaps[name](np.arange(256))[:, :3]


@pytest.mark.parametrize("style", STYLES)
def test_a_map_of_nothing_leaves_the_photograph_as_it_is(style: Style) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    nothing = np.zeros((7, 7))
    assert (overlay(image, nothing, limit=2.0, style=style) == image).all()
    assert (overlay(image, nothing, limit=0.0, style=style) == image).all()


@pytest.mark.parametrize(
    ("heat", "style", "colour"),
    [
        (3.0, "default", (201, 175, 35)),  # 101 + .65 (255, 215, 0 - 101)
        (-3.0, "default", (35, 109, 151)),  # 101 + .65 (0, 114, 178 - 101)
        (1.5, "default", (151, 138, 68)),  # 101 + .325 (255, 215, 0 - 101)
        (9.0, "default", (201, 175, 35)),  # beyond the scale
        (3.0, "paper", (68, 124, 158)),  # 101 + .65 (50, 136, 189 - 101): blue is fake
        (3.0, "jet", (119, 35, 35)),  # 101 + .65 (128, 0, 0 - 101)
        (-3.0, "jet", (35, 35, 119)),
    ],
)
def test_a_value_has_one_colour_on_the_absolute_scale(
    heat: float, style: Style, colour: tuple[int, int, int]
) -> None:
    made = overlay(GREY, np.full((3, 3), heat), limit=3.0, style=style)
    assert np.abs(made.astype(int) - colour).max() <= (1 if style == "jet" else 0)


def test_heat_lies_over_its_own_cells_and_the_image_is_kept() -> None:
    image = GREY.copy()
    heat = np.zeros((4, 4))
    heat[0, 3] = 1.0
    made = overlay(image, heat, limit=1.0)
    changed = (made != image).any(axis=2)
    assert changed[:16, 48:].all()
    assert not changed[24:].any()  # a bilinear cell reaches half a cell beyond its edge
    assert not changed[:, :40].any()
    assert (image == GREY).all()
    assert made[0, 63].tolist() == [201, 175, 35]


@pytest.mark.parametrize(("heat", "limit"), [(np.nan, 1.0), (np.inf, 1.0), (0.0, np.nan)])
def test_what_is_not_finite_is_refused(heat: float, limit: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        overlay(GREY, np.full((2, 2), heat), limit=limit)


def test_a_part_is_filled_inside_its_polygon_and_nowhere_else() -> None:
    made = region_fill(GREY, {"mouth": SQUARE}, {"mouth": 1.0})
    changed = np.zeros((64, 64), bool)
    changed[24:37, 20:41] = True
    assert ((made != GREY).any(axis=2) == changed).all()
    colour = table("cividis")[255]
    assert np.abs(made[30, 30] - (101 + 0.65 * (colour - 101))).max() <= 2
    assert np.abs(made[24, 30] - colour).max() <= 2  # the outline has the bar's own colour
    assert (GREY == 101).all()


def test_parts_have_the_colours_of_their_own_values_and_several_polygons() -> None:
    other = [SQUARE[0] - (0, -20)]
    both = {"eyes": [SQUARE[0] - (15, 20), SQUARE[0] - (-15, 20)], "mouth": other}
    made = region_fill(GREY, both, {"eyes": 0.0, "mouth": 0.5})
    low, middle = (101 + 0.65 * (table("cividis")[level] - 101) for level in (0, 128))
    for x in (10, 50):
        assert np.abs(made[10, x] - low).max() <= 2
    assert np.abs(made[50, 30] - middle).max() <= 2


def test_a_part_without_a_value_is_left_alone() -> None:
    assert (region_fill(GREY, {"mouth": SQUARE}, {}) == GREY).all()


@pytest.mark.parametrize("value", [1.2, -0.1, float("nan")])
def test_a_score_outside_of_its_scale_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"'mouth' .* \[0, 1\]"):
        region_fill(GREY, {"mouth": SQUARE}, {"mouth": value})


def test_the_bar_of_scores_is_cividis_itself() -> None:
    bar = colour_bar(length=256, thickness=3)
    assert bar.shape == (3, 256, 3)
    assert np.abs(bar - table("cividis")).max() <= 3


def test_jet_goes_from_blue_over_green_to_red() -> None:
    bar = colour_bar("jet", length=255, thickness=1)[0].astype(int)
    for at, colour in ((0, (0, 0, 128)), (127, (128, 255, 128)), (254, (128, 0, 0))):
        assert np.abs(bar[at] - colour).max() <= 4


def test_blue_is_fake_in_the_style_of_the_paper() -> None:
    bar = colour_bar("paper")
    assert bar[0, 0].tolist() == [213, 62, 79]
    assert bar[0, -1].tolist() == [50, 136, 189]


@pytest.mark.parametrize("style", STYLES)
def test_the_bar_of_a_map_is_what_the_map_looks_like_on_white(style: Style) -> None:
    white = np.full((1, 101, 3), 255, np.uint8)
    heat = np.linspace(-2, 2, 101)[None]
    bar = colour_bar(style, signed=True, length=101, thickness=1)
    assert (overlay(white, heat, limit=2.0, style=style) == bar).all()
    assert bar[0, 50].tolist() == [255, 255, 255]


# --- outlines of parts -------------------------------------------------------------------------


def test_outlines_enclose_the_landmarks_of_their_parts(regions: RegionSet) -> None:
    (crop,) = example_crops(64, 1)
    assert crop.landmarks is not None
    found = part_polygons(crop, regions)
    assert [len(found[name]) for name in ("eyes", "nose", "mouth")] == [2, 1, 1]
    mouth = crop.landmarks[48:60]
    (hull,) = found["mouth"]
    assert hull.min(axis=0).tolist() == mouth.min(axis=0).tolist()
    assert hull.max(axis=0).tolist() == mouth.max(axis=0).tolist()
    assert {tuple(point) for point in hull.tolist()} <= {tuple(p) for p in mouth.tolist()}


def test_a_face_without_enough_landmarks_has_no_outlines(regions: RegionSet) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    for landmarks, told in ((None, "no landmarks"), (np.ones((5, 2), np.float32), "has 5")):
        with pytest.raises(NoPartsError, match=told):
            part_polygons(Crop(image=image, landmarks=landmarks, box=(0, 0, 8, 8)), regions)
