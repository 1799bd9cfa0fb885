from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.lesb.dataset import PseudoFakes, Views
from lesb_plugin.lfd.variants import Skipped, load_in_order
from lesb_plugin.pseudo_fakes.blend import Style
from lesb_plugin.pseudo_fakes.distort import Colour
from registry import CropPolicy, Face, crop_face
from tests.shared.planted import BrokenSample, PlantedSample, planted_samples

POLICY = CropPolicy(size=64)
CLEAR = Style(  # nothing happens to the pixels but mirroring and cropping
    source=1.0, colour=Colour(rgb_p=0.0, hsv_p=0.0, tone_p=0.0), resolution=0.0, ratios=(0.0,),
    after=None, jpeg_p=0.0,
)  # fmt: skip


def pseudo_fakes(count: int = 3, draws: int = 2, **changes: Any) -> PseudoFakes:
    dataset = PseudoFakes(
        samples=planted_samples(count), crop=POLICY, style=Style(), draws=draws, purpose="train"
    )
    return replace(dataset, **changes)


def views(dataset: PseudoFakes, index: int = 0) -> Views:
    found = dataset[index]
    assert isinstance(found, Views)
    return found


def load(dataset: PseudoFakes, workers: int) -> list[Views]:
    return [item for item in load_in_order(dataset, workers) if isinstance(item, Views)]


def test_an_item_holds_a_face_and_its_pairs_at_the_backbones_input_size() -> None:
    found = views(pseudo_fakes(draws=5))
    assert found.pairs.shape == (5, 2, 64, 64, 3)
    assert found.clean.shape == (64, 64, 3)
    assert found.pairs.dtype == found.clean.dtype == np.uint8
    assert found.key == "planted/0/0"
    image, face = PlantedSample(0).load()
    np.testing.assert_array_equal(found.clean, crop_face(image, face, POLICY).image)


def test_the_pairs_are_the_same_whatever_the_number_of_workers() -> None:
    dataset = pseudo_fakes(5)
    alone, together = load(dataset, 0), load(dataset, 2)
    assert [item.key for item in together] == [item.key for item in alone]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.pairs, other.pairs)


def test_a_pair_does_not_depend_on_the_samples_around_it() -> None:
    many, few = pseudo_fakes(3), pseudo_fakes(samples=planted_samples(1, first=2))
    np.testing.assert_array_equal(views(many, 2).pairs, views(few, 0).pairs)


def test_pairs_differ_across_faces_draws_epochs_purposes_and_seeds() -> None:
    found = [
        *views(pseudo_fakes(), 0).pairs,
        *views(pseudo_fakes(), 1).pairs,
        *views(pseudo_fakes(epoch=1), 0).pairs,
        *views(pseudo_fakes(purpose="val"), 0).pairs,
        *views(pseudo_fakes(seed=1), 0).pairs,
    ]
    assert len({pair.tobytes() for pair in found}) == 10


def test_more_draws_go_on_where_fewer_stop() -> None:
    np.testing.assert_array_equal(
        views(pseudo_fakes(draws=4)).pairs[:2], views(pseudo_fakes(draws=2)).pairs
    )


def test_both_views_of_a_pair_have_the_same_geometry() -> None:
    for real, fake in views(pseudo_fakes(draws=20, style=CLEAR)).pairs:
        np.testing.assert_array_equal(real, fake)


def test_validation_views_are_cropped_as_the_backbone_has_it() -> None:
    found = views(pseudo_fakes(draws=3, style=CLEAR.for_validation()))
    for real, fake in found.pairs:
        np.testing.assert_array_equal(real, found.clean)
        np.testing.assert_array_equal(fake, found.clean)


@dataclass(frozen=True)
class Ramp(PlantedSample):
    """An image whose red and green say where a pixel lies."""

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        face = super().load()[1]
        image = np.zeros((240, 240, 3), np.uint8)
        image[..., 0], image[..., 1] = np.arange(240), np.arange(240)[:, None]
        return image, face


def test_training_views_reach_5_to_20_per_cent_beyond_the_face_on_every_side() -> None:
    x0, y0, x1, y1 = Ramp(0).load()[1].box
    upright = replace(CLEAR, flip=0.0)
    found = views(pseudo_fakes(draws=200, samples=[Ramp(0)], style=upright)).pairs[:, 0].astype(int)
    red, green = found[..., 0], found[..., 1]
    w, h = x1 - x0, y1 - y0
    for margins in (
        (x0 - red[:, 32, 0]) / w,
        (red[:, 32, -1] - x1) / w,
        (y0 - green[:, 0, 32]) / h,
        (green[:, -1, 32] - y1) / h,
    ):
        assert margins.min() == pytest.approx(0.05, abs=0.025)
        assert margins.max() == pytest.approx(0.20, abs=0.025)


def test_a_mirrored_face_is_cropped_where_it_is_mirrored_to() -> None:
    upright, mirrored = (
        views(pseudo_fakes(draws=1, samples=[Ramp(0)], style=replace(CLEAR, flip=p, margin=None)))
        .pairs[0, 0]
        .astype(int)
        for p in (0.0, 1.0)
    )
    np.testing.assert_allclose(mirrored[:, ::-1, 0], upright[..., 0], atol=2)
    np.testing.assert_allclose(mirrored[..., 1], upright[..., 1], atol=1)


@pytest.mark.parametrize("points", [68, 81])
def test_faces_without_forehead_landmarks_work_too(points: int) -> None:
    found = views(pseudo_fakes(samples=planted_samples(1, points=points), draws=8))
    assert (found.pairs[:, 0] != found.pairs[:, 1]).any()


@dataclass(frozen=True)
class Bare(PlantedSample):
    def load(self) -> tuple[NDArray[np.uint8], Face]:
        image, face = super().load()
        return image, replace(face, landmarks=None)


@dataclass(frozen=True)
class Astray(PlantedSample):
    def load(self) -> tuple[NDArray[np.uint8], Face]:
        image, face = super().load()
        assert face.landmarks is not None
        return image, replace(face, landmarks=face.landmarks + np.float32(5000))


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (BrokenSample(3), "cannot read face 3: the file is empty"),
        (Bare(4), "without landmarks cannot be blended"),
        (Astray(5), "not a face in an image of 180 x 200 pixels"),
    ],
)
def test_a_face_that_cannot_be_used_says_why(sample: PlantedSample, reason: str) -> None:
    found = pseudo_fakes(samples=[sample])[0]
    assert isinstance(found, Skipped)
    assert found.key == sample.key
    assert reason in found.reason


@pytest.mark.parametrize(
    "change",
    [
        {"style": Style(flip=0.25)},
        {"draws": 3},
        {"purpose": "val"},
        {"seed": 1},
        {"crop": CropPolicy(size=65)},
        {"samples": planted_samples(2)},
    ],
)
def test_whatever_changes_the_pairs_is_in_the_content(change: dict[str, Any]) -> None:
    own = pseudo_fakes()
    assert own.content == replace(own).content
    assert replace(own, **change).content != own.content
