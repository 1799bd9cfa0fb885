"""One colour for fake, nothing where real faces have as much, and pictures with their scale."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.drawing.evidence import (
    MapScale,
    composed,
    evidence_layer,
    fake_colour,
    outlined,
    scale_bar,
    with_scale,
)

GREY = np.full((60, 80, 3), 101, np.uint8)
BOX = (20, 10, 60, 50)


def layer(value: float, scale: MapScale = MapScale(1.0, 3.0)) -> np.ndarray:  # type: ignore[type-arg] # noqa: B008
    return evidence_layer((60, 80), BOX, np.full((4, 4), value), scale)


@pytest.mark.parametrize("value", [-9.0, 0.0, 1.0])
def test_what_real_faces_have_as_well_or_points_to_real_is_not_drawn(value: float) -> None:
    assert (composed(GREY, layer(value)) == GREY).all()


@pytest.mark.parametrize(("value", "opacity"), [(2.0, 0.35), (3.0, 0.7), (99.0, 0.7)])
def test_opacity_rises_from_usual_to_full_in_the_one_colour_of_fake(
    value: float, opacity: float
) -> None:
    made = composed(GREY, layer(value))
    inside = made[10:50, 20:60].reshape(-1, 3)
    by_hand = 101 + opacity * (np.array(fake_colour("default")) - 101)
    assert np.abs(inside - by_hand).max() <= 1
    outside = np.ones((60, 80), bool)
    outside[10:50, 20:60] = False
    assert (made[outside] == 101).all()


def test_a_scale_without_a_span_draws_nothing_and_no_number_is_refused() -> None:
    assert (layer(5.0, MapScale(0.0, 0.0))[..., 3] == 0).all()
    with pytest.raises(ValueError, match="finite"):
        layer(float("nan"))


def test_an_outline_is_white_within_the_colour_of_fake_and_leaves_the_layer_as_it_was() -> None:
    empty = np.zeros((60, 80, 4), np.uint8)
    made = outlined(empty, [np.array([(10, 10), (70, 10), (70, 50), (10, 50)])])
    assert (empty == 0).all()
    assert made[10, 40].tolist() == [255, 255, 255, 255]
    assert made[11, 40].tolist() == [*fake_colour("default"), 255]
    assert made[30, 40, 3] == 0


def test_a_saved_picture_has_its_scale_below_it_and_keeps_its_proportions() -> None:
    image = np.full((600, 400, 3), 7, np.uint8)
    made = with_scale(image, ("usual", "fake"))
    assert (made[:600] == image).all()
    assert made.shape[0] > 600
    assert np.array_equal(made[604], scale_bar(length=400, thickness=1)[0])
    small = with_scale(GREY, ("usual", "fake"))
    bar = made.shape[0] - 600
    assert small.shape[1] / (small.shape[0] - bar) == pytest.approx(80 / 60, rel=0.02)
