"""Edits whose place and source are known."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.audit.evidence.edited_faces import with_edits
from lesb_plugin.audit.evidence.edits import FAMILIES, KINDS, Canvas, edited, matched_masks
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.truth import group_of, wide_masks
from lesb_plugin.lfd.regions import RegionSet
from registry import CropPolicy, DataError, crop_face
from tests.shared.planted import planted_samples

POLICY = CropPolicy(size=96)


def drawn_faces(regions: RegionSet, count: int = 4) -> list[AuditFace]:
    crops = [crop_face(*sample.load(), POLICY) for sample in planted_samples(count)]
    return [
        AuditFace(
            crop=crop,
            fake=False,
            identity=str(number),
            parts=wide_masks(crop.landmarks, regions, 96),  # type: ignore[arg-type]
        )
        for number, crop in enumerate(crops)
    ]


def test_masks_have_the_median_of_the_areas_and_lie_where_they_lay(regions: RegionSet) -> None:
    masks = drawn_faces(regions)[0].parts
    matched = matched_masks(masks)
    areas = masks.sum(axis=(1, 2))
    np.testing.assert_array_equal(matched.sum(axis=(1, 2)), [int(np.median(areas))] * 3)
    for before, after in zip(masks, matched, strict=True):
        small = min(before.sum(), after.sum())
        assert (before & after).sum() > 0.95 * small  # one lies within the other


@pytest.mark.parametrize("family", list(FAMILIES))
def test_an_edit_changes_its_mask_and_nothing_else(family: str, regions: RegionSet) -> None:
    own, other = drawn_faces(regions)[:2]
    canvas = Canvas(
        image=own.crop.image,
        landmarks=own.crop.landmarks,  # type: ignore[arg-type]
        donor=np.ascontiguousarray(255 - other.crop.image),
        donor_landmarks=other.crop.landmarks,  # type: ignore[arg-type]
    )
    mask = matched_masks(own.parts)[2]
    before = own.crop.image.copy()
    full = edited(canvas, mask, family, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(full[~mask], before[~mask])
    assert np.abs(full.astype(int) - before)[mask].mean() >= 0.5
    np.testing.assert_array_equal(own.crop.image, before)
    weak = edited(canvas, mask, family, 0.5, np.random.default_rng(0))
    assert np.abs(weak.astype(int) - before).sum() < np.abs(full.astype(int) - before).sum()


def test_edits_take_turns_and_know_their_source(regions: RegionSet) -> None:
    reals = drawn_faces(regions)
    made = [face for face in with_edits(reals, 5, 0, quiet=True) if face.fake]
    assert len(made) == 20
    assert {face.method for face in made} >= {"noise", "median", "warp"}
    alone = [face for face in made if face.truth.sum() == 1]  # type: ignore[union-attr]
    assert {int(face.truth.argmax()) for face in alone} == {0, 1, 2}  # type: ignore[union-attr]
    assert 0 < len(made) - len(alone) < 12
    for face in made:
        outside = ~face.mask  # type: ignore[operator]
        np.testing.assert_array_equal(
            face.crop.image[outside],
            face.source.image[outside],  # type: ignore[union-attr]
        )


def test_edits_are_reported_by_what_was_done_whoever_has_seen_it(regions: RegionSet) -> None:
    """Warps and transplants under the names that those of a manifest have."""
    assert KINDS.keys() == FAMILIES.keys()
    assert KINDS["warp"] == group_of("warp_mouth")
    assert KINDS["poisson"] == group_of("eyes_poisson")
    made = [face for face in with_edits(drawn_faces(regions), 7, 0, quiet=True) if face.fake]
    assert {(face.method, face.group) for face in made} <= set(KINDS.items())
    assert len({face.group for face in made}) == 4


def test_edits_are_the_same_for_the_same_seed_whatever_comes_after(regions: RegionSet) -> None:
    reals = drawn_faces(regions)
    fakes = [
        [face for face in with_edits(reals[:n], 2, 7, quiet=True) if face.fake] for n in (3, 4)
    ]
    for one, other in zip(fakes[0][:4], fakes[1], strict=False):
        np.testing.assert_array_equal(one.crop.image, other.crop.image)


def test_edits_need_two_people(regions: RegionSet) -> None:
    with pytest.raises(DataError, match="two people"):
        with_edits(drawn_faces(regions)[:1], 2, 0, quiet=True)
