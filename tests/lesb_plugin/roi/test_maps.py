"""Maps of part heads: their means are the scores, and they lie where a part was changed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.explain.plugin import bench_explainers
from lesb_plugin.lfd.regions import STILL, part_mask
from lesb_plugin.roi.detector import RoiDetector
from lesb_plugin.roi.encoding import part_features
from lesb_plugin.roi.maps import build_part_heads, densities
from registry import ConfigError, Crop, FitReport
from registry.checks import check_explainer
from tests.shared.textured import crops, detector


@pytest.fixture(scope="module")
def roi(roi_report: FitReport) -> RoiDetector:
    return detector(roi_report.artefact)


def standardised(roi: RoiDetector, faces: list[Crop]) -> NDArray[np.float64]:
    """(K, B), by the way that scores take."""
    model = roi.model.model
    inputs = part_features(roi.embed(faces), roi.embedder.backbone.dim, len(roi.parts))
    return model.calibration.standardise(model.heads.logits(inputs))


def inside(roi: RoiDetector, crop: Crop, number: int) -> NDArray[np.bool_]:
    assert crop.landmarks is not None
    rng = np.random.default_rng(0)
    part = roi.regions.parts[number]
    return part_mask(crop.landmarks, part, crop.image.shape[0], STILL, rng) > 0


def test_the_mean_over_a_part_is_its_score(roi: RoiDetector) -> None:
    faces = crops(4)
    maps, weights = roi.part_maps(faces)
    found = densities(roi.model.model, maps)
    shares = weights.astype(np.float64)
    means = (shares * found).sum(axis=(2, 3)) / shares.sum(axis=(2, 3))
    np.testing.assert_allclose(means.T, standardised(roi, faces), rtol=1e-4, atol=1e-4)


def test_the_map_is_what_the_parts_positions_say_and_nothing_elsewhere(roi: RoiDetector) -> None:
    faces = crops(3)
    maps, weights = roi.part_maps(faces)
    found = densities(roi.model.model, maps)
    for row, explanation in enumerate(build_part_heads(roi)(faces)):
        heat = explanation.maps["face"]
        by_hand = sum(weights[row, k] * found[row, k] for k in range(3))
        np.testing.assert_allclose(heat, by_hand, rtol=1e-5, atol=1e-5)
        assert np.abs(heat[weights[row].sum(axis=0) == 0]).max() < 1e-5  # but for rounding
        assert not explanation.regions
        parts = [explanation.maps[name] for name in ("eyes", "nose", "mouth")]
        np.testing.assert_allclose(np.sum(parts, axis=0), heat, rtol=1e-5, atol=1e-5)
        assert set(explanation.usual) == set(explanation.maps)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_part_that_lost_its_texture_stands_out_on_the_map(roi: RoiDetector, number: int) -> None:
    for crop in crops(3):
        mask = inside(roi, crop, number)
        image = crop.image.copy()
        image[mask] = cv2.blur(crop.image, (15, 15))[mask]
        before, after = build_part_heads(roi)([crop, replace(crop, image=image)])
        rise = cv2.resize(after.maps["face"] - before.maps["face"], mask.shape[::-1])
        means = [rise[inside(roi, crop, k)].mean() for k in range(3)]
        assert int(np.argmax(means)) == number


def test_it_keeps_the_contract_of_explainers(roi: RoiDetector) -> None:
    (spec,) = [each for each in bench_explainers() if each.name == roi.explained_by]
    check_explainer(spec, roi, crops(3))
    assert build_part_heads(roi)([]) == []


def test_a_part_outside_of_the_crop_leaves_no_map(roi: RoiDetector) -> None:
    whole, cut = crops(2)
    assert cut.landmarks is not None
    landmarks = cut.landmarks.copy()
    landmarks[48:68] += 200
    found = build_part_heads(roi)([whole, replace(cut, landmarks=landmarks)])
    assert set(found[0].maps) == {"face", "eyes", "nose", "mouth"}
    assert not found[1].maps
    assert found[1].note == "a part lies outside the crop, so its head has no evidence"


def test_other_detectors_are_sent_elsewhere() -> None:
    with pytest.raises(ConfigError, match=r"heads of detector lesb_roi see.*cam, occlusion"):
        build_part_heads(object())  # type: ignore[arg-type]
