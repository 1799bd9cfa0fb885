from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lesb_plugin.explainers.decomposition import build_parts
from lesb_plugin.explainers.masks import partition
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.lfd.regions import STILL, RegionSet, part_mask
from registry import ConfigError, Crop, real_crops
from tests.shared.tiny import CROPS, SIZE, MeanColour, TinyBackbone, TinyDetector, write_reals


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> ExplainOptions:
    folder: Path = tmp_path_factory.mktemp("reals")
    return ExplainOptions(reference=write_reals(folder))


def logits(detector: TinyDetector, crops: list[Crop]) -> np.ndarray:
    embeddings = torch.from_numpy(detector.embed(crops))
    return detector.logits(embeddings)["face"].double().numpy()  # type: ignore[no-any-return]


def test_parts_and_rest_sum_to_the_logit_minus_that_of_real_faces(reals: ExplainOptions) -> None:
    detector = TinyDetector(TinyBackbone(), scale=5.0)
    usual = logits(detector, real_crops(reals.reference, detector.embedder.backbone.crop, 64))
    found = build_parts(detector, reals)(CROPS)
    for one, logit in zip(found, logits(detector, CROPS), strict=True):
        assert list(one.regions) == ["eyes", "nose", "mouth", "rest"]
        assert abs(sum(one.regions.values()) - (logit - usual.mean())) < 1e-4
        assert abs(one.maps["face"].sum() - (logit - usual.mean())) < 1e-4


def test_real_faces_have_parts_of_zero_on_average(reals: ExplainOptions) -> None:
    detector = TinyDetector(TinyBackbone())
    faces = real_crops(reals.reference, detector.embedder.backbone.crop, 64)
    found = build_parts(detector, reals)(faces)
    for part in found[0].regions:
        assert np.mean([one.regions[part] for one in found]) == pytest.approx(0, abs=1e-6)


def test_a_change_of_one_part_goes_to_that_part(reals: ExplainOptions, regions: RegionSet) -> None:
    detector = TinyDetector(TinyBackbone())
    marks = CROPS[0].landmarks
    assert marks is not None
    mask = part_mask(marks, regions.parts[2], SIZE, STILL, np.random.default_rng(0)) > 0
    changed = replace(CROPS[0], image=np.where(mask[..., None], 255, CROPS[0].image).astype("u1"))
    before, after = build_parts(detector, reals)([CROPS[0], changed])
    moved = {part: abs(after.regions[part] - before.regions[part]) for part in after.regions}
    assert max(moved["eyes"], moved["nose"]) < 0.1 * moved["mouth"]


def test_the_shares_of_a_cell_sum_to_one(regions: RegionSet) -> None:
    for crop in CROPS:
        shares = partition(crop, regions, (7, 5))
        assert shares.shape == (4, 7, 5)
        assert shares.min() >= 0
        assert shares.sum(axis=0) == pytest.approx(1, abs=1e-6)


def test_a_face_without_landmarks_has_a_map_a_message_and_no_parts(reals: ExplainOptions) -> None:
    (found,) = build_parts(TinyDetector(TinyBackbone()), reals)([replace(CROPS[0], landmarks=None)])
    assert found.regions == {}
    assert found.maps["face"].shape == (12, 12)
    assert "no landmarks" in found.note


def test_a_part_outside_the_crop_is_told_of(reals: ExplainOptions) -> None:
    assert CROPS[0].landmarks is not None
    away = replace(CROPS[0], landmarks=CROPS[0].landmarks + np.float32([0, 0.4 * SIZE]))
    (found,) = build_parts(TinyDetector(TinyBackbone()), reals)([away])
    assert found.regions == {}
    assert "'mouth' has no pixel inside" in found.note


def test_what_cannot_be_taken_apart_is_an_error(reals: ExplainOptions) -> None:
    with pytest.raises(ConfigError, match="embedding of backbone 'tiny' is not just such a mean"):
        build_parts(TinyDetector(TinyBackbone(mean_pooled=False)), reals)
    with pytest.raises(ConfigError, match="offers none to follow"):
        build_parts(MeanColour(np.ones((SIZE, SIZE), np.float32)), reals)
    curved = TinyDetector(TinyBackbone())
    curved.logits = lambda embedding: {"face": embedding.square().sum(1)}  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="not linear in the embedding"):
        build_parts(curved, reals)
