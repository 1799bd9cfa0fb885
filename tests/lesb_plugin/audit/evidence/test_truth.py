"""What a manifest says of changed parts."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.audit.evidence.truth import (
    changed_parts,
    clicked_parts,
    covered_parts,
    group_of,
    wide_masks,
)
from lesb_plugin.lfd.regions import RegionSet
from registry import DataError
from tests.shared.planted import MEAN_FACE

PARTS = ("eyes", "nose", "mouth")


@pytest.mark.parametrize(
    ("region", "changed"),
    [
        ("mouth", [0, 0, 1]),
        ("eyes+mouth", [1, 0, 1]),
        ("Nose, eyes", [1, 1, 0]),
        ("face", [1, 1, 1]),
        ("whole_face", [1, 1, 1]),
    ],
)
def test_a_region_is_one_part_or_several_or_the_face(region: str, changed: list[int]) -> None:
    np.testing.assert_array_equal(changed_parts(region, PARTS), np.array(changed, bool))


def test_parts_with_capital_letters_are_found() -> None:
    for region in ("Mouth", "mouth"):
        found = changed_parts(region, ("leftEye", "Mouth"))
        np.testing.assert_array_equal(found, [False, True])


@pytest.mark.parametrize("region", ["chin", "eyes+chin", " + "])
def test_an_unknown_region_is_told_with_the_known_ones(region: str) -> None:
    with pytest.raises(DataError, match=r"^region .*known: eyes, nose, mouth"):
        changed_parts(region, PARTS)
    with pytest.raises(DataError, match=r"^perceived .*known: eyes, nose, mouth"):
        changed_parts(region, PARTS, "perceived")


def test_parts_are_read_off_a_mask_that_covers_more_than_half_of_them(regions: RegionSet) -> None:
    masks = wide_masks((MEAN_FACE * 80 + 8).astype(np.float32), regions, 96)
    np.testing.assert_array_equal(covered_parts(masks[2], masks), [False, False, True])
    np.testing.assert_array_equal(covered_parts(masks[0] | masks[1], masks), [True, True, False])
    np.testing.assert_array_equal(covered_parts(np.ones((96, 96), bool), masks), [True] * 3)
    assert not covered_parts(np.zeros((96, 96), bool), masks).any()


def test_a_click_hits_the_parts_that_it_lies_in(regions: RegionSet) -> None:
    landmarks = (MEAN_FACE * [300, 200] + [1000, 40]).astype(np.float32)  # of a large frame
    nose, lips, eye = (landmarks[rows].mean(axis=0) for rows in ([30], [51, 57], range(36, 42)))

    def hit(*places: object) -> list[bool]:
        return clicked_parts(np.array(places, np.float64), landmarks, regions).tolist()

    assert hit(nose) == [False, True, False]
    assert hit(lips, eye) == [True, False, True]
    assert hit((landmarks[8] + [0, 500]), (0.0, 0.0)) == [False] * 3  # far from any face


def test_methods_are_reported_in_groups() -> None:
    assert group_of("eyes_alpha") == group_of("mouth_poisson") == "transplants"
    assert group_of("warp_mouth") == "warps"
    assert group_of("inpaint_nose") == "in-painting"
    assert group_of("NeuralTextures") == "NeuralTextures"
