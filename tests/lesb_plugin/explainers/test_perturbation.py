from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logit

from lesb_plugin.explainers.log_odds import log_odds
from lesb_plugin.explainers.masks import part_masks
from lesb_plugin.explainers.occlusion import build_occlusion, build_occlusion_grid
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.perturbation import blurred, mixed, scores
from lesb_plugin.explainers.shapley import build_shapley, coalitions, shapley_values
from lesb_plugin.lfd.regions import STILL, Region, RegionSet
from registry import ConfigError
from tests.shared.tiny import CROPS, SIZE, MeanColour, TinyBackbone, TinyDetector

CROP = CROPS[0]


def hard_masks(regions: RegionSet) -> np.ndarray:
    """Masks (K, S, S) of 0 or 1 that share no pixel."""
    masks = part_masks(CROP, regions, STILL)
    return masks * (np.cumsum(masks, axis=0) == 1)


@pytest.fixture(scope="module")
def mouth(regions: RegionSet) -> MeanColour:
    return MeanColour(part_masks(CROP, regions, STILL)[2])


# --- occlusion -----------------------------------------------------------------------------------


def test_only_the_part_that_the_detector_looks_at_matters(mouth: MeanColour) -> None:
    bright = replace(CROP, image=CROP.image.copy())
    bright.image[mouth.mask > 0] = 250
    (found,) = build_occlusion(mouth)([bright])
    assert found.regions["mouth"] > 0.5
    assert found.regions["eyes"] == 0


def test_restoring_a_part_gives_the_score_of_the_untouched_image(regions: RegionSet) -> None:
    whole = part_masks(CROP, regions)[2] > 0.999  # inside of the mask's soft border
    mouth = MeanColour(whole.astype(np.float32))
    forged = replace(CROP, image=np.full_like(CROP.image, 200))
    (found,) = build_occlusion(mouth, baseline=lambda crop: CROP.image)([forged])
    before, after = (logit(mouth.score([crop]).fake[0]) for crop in (forged, CROP))
    assert found.regions["mouth"] == pytest.approx(before - after, rel=1e-6)


def test_a_fine_grid_is_scored_in_pieces(mouth: MeanColour, monkeypatch: Any) -> None:
    whole = build_occlusion_grid(mouth, ExplainOptions(grid=6))([CROP])
    counts = []
    score = MeanColour.score

    def counting(self: MeanColour, crops: Any) -> Any:
        counts.append(len(crops))
        return score(self, crops)

    monkeypatch.setattr(MeanColour, "score", counting)
    monkeypatch.setattr("lesb_plugin.explainers.occlusion._AT_ONCE", 10)
    pieces = build_occlusion_grid(mouth, ExplainOptions(grid=6))([CROP])
    assert counts == [11, 10, 10, 6]
    np.testing.assert_array_equal(pieces[0].maps["face"], whole[0].maps["face"])


def test_the_grids_map_is_where_the_detector_looks(mouth: MeanColour) -> None:
    bright = replace(CROP, image=np.random.default_rng(0).integers(0, 256, CROP.image.shape, "u1"))
    (found,) = build_occlusion_grid(mouth, ExplainOptions(grid=6))([bright])
    looked = mouth.mask.reshape(6, SIZE // 6, 6, SIZE // 6).max((1, 3)) > 0  # cells with mouth
    near = np.pad(looked, 1)
    near = np.stack([np.roll(near, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]).any(0)
    values = np.abs(found.maps["face"])
    assert values[looked].max() == values.max() > 0
    assert values[~near[1:-1, 1:-1]].max() == 0


def test_a_detector_with_part_scores_has_a_grid_of_each() -> None:
    (found,) = build_occlusion_grid(TinyDetector(TinyBackbone()), ExplainOptions(grid=4))([CROP])
    assert {name: values.shape for name, values in found.maps.items()} == {
        "face": (4, 4),
        "mouth": (4, 4),
    }


@pytest.mark.parametrize("build", [build_occlusion, build_shapley])
def test_a_face_without_landmarks_has_a_message_and_nothing_else(
    build: Any, mouth: MeanColour
) -> None:
    (found,) = build(mouth)([replace(CROP, landmarks=None)])
    assert found.regions == found.maps == {}
    assert "no landmarks" in found.note


def test_log_odds_are_scipys_and_bounded() -> None:
    p = np.array([0.0, 0.2, 0.999, 1.0])
    assert log_odds(p)[1:3] == pytest.approx(logit(p[1:3]))
    assert np.isfinite(log_odds(p)).all()


def test_a_mixed_image_is_the_baseline_inside_and_the_image_outside(regions: RegionSet) -> None:
    masks = hard_masks(regions)
    base = blurred(CROP)
    found = mixed(CROP.image, base, masks)
    for mask, image in zip(masks, found, strict=True):
        assert (image[mask == 1] == base[mask == 1]).all()
        assert (image[mask == 0] == CROP.image[mask == 0]).all()
    assert (base != CROP.image).any()


# --- Shapley -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_shapley_values_of_parts_are_captums(regions: RegionSet) -> None:
    from captum.attr import ShapleyValues

    masks, base, detector = hard_masks(regions), blurred(CROP), TinyDetector(TinyBackbone(), 20)

    def forward(images: torch.Tensor) -> torch.Tensor:
        whole = images.permute(0, 2, 3, 1).round().numpy().astype(np.uint8)
        return torch.from_numpy(scores(detector, CROP, whole)["face"])

    image, baseline = (
        torch.from_numpy(each).permute(2, 0, 1)[None].float() for each in (CROP.image, base)
    )
    features = torch.from_numpy(masks * np.arange(1, 4)[:, None, None]).sum(0).long()
    baseline = torch.where(features > 0, baseline, image)  # the rest is no player
    wanted = ShapleyValues(forward).attribute(
        image, baselines=baseline, feature_mask=features[None, None]
    )[0, 0]
    found = shapley_values(
        scores(detector, CROP, mixed(CROP.image, base, coalitions(masks)))["face"]
    )
    for part, value in enumerate(found, start=1):
        assert value == pytest.approx(float(wanted[features == part][0]), abs=1e-5)
    assert np.abs(found).max() > 1e-3


def test_shapley_values_of_a_known_game() -> None:
    """Gloves: players 0 and 1 hold left ones, 2 a right one; a pair is worth 1."""
    worth = [float(bool(i & 3) and bool(i & 4)) for i in range(8)]
    assert shapley_values(np.array(worth)) == pytest.approx([1 / 6, 1 / 6, 4 / 6])


def test_shapley_values_sum_to_what_all_parts_add(regions: RegionSet) -> None:
    detector = TinyDetector(TinyBackbone(), 20)
    (found,) = build_shapley(detector)([CROP])
    masks = part_masks(CROP, regions)
    ends = mixed(CROP.image, blurred(CROP), np.stack([0 * masks[0], masks.max(0)]))
    seen, hidden = scores(detector, CROP, ends)["face"]
    assert sum(found.regions.values()) == pytest.approx(seen - hidden, abs=1e-6)


def test_too_many_parts_are_an_error(mouth: MeanColour) -> None:
    nine = tuple(Region(f"part{k}", ((30, 33, 36),)) for k in range(9))
    detector = MeanColour(mouth.mask)
    detector.regions = RegionSet(parts=nine, jitter=STILL)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="9 parts have 512 subsets"):
        build_shapley(detector)
