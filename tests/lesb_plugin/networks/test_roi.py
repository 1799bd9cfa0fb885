"""`lesb_roi` as a torch module: scores of the detector, maps of its explainer."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lesb_plugin.networks.roi import RoiNetwork
from lesb_plugin.roi.detector import RoiDetector
from lesb_plugin.roi.maps import build_part_heads
from registry import ConfigError, Crop, Embedder
from tests.shared.planted import PlantedBackbone
from tests.shared.random_lesb import backbone
from tests.shared.random_roi import fitted_roi, marked_crops


@pytest.fixture(scope="module")
def built() -> Any:
    return backbone()


@pytest.fixture(scope="module")
def network(built: Any) -> RoiNetwork:
    return RoiNetwork(built, fitted_roi(built))


@pytest.fixture(scope="module")
def crops(built: Any) -> list[Crop]:
    return marked_crops(4, built.crop.size)


@pytest.mark.slow
def test_scores_and_maps_are_those_of_the_detector(built: Any, crops: list[Crop]) -> None:
    for probe in (False, True):
        fitted = fitted_roi(built, probe=probe)
        detector, network = RoiDetector(Embedder(built), fitted), RoiNetwork(built, fitted)
        expected = detector.score(crops)
        with torch.inference_mode():
            found = network(*network.inputs(crops))
        assert np.ptp(expected.fake) > 1e-3  # else equality would say little
        np.testing.assert_allclose(found.scores, expected.fake, atol=1e-5, rtol=0)
        assert tuple(found.parts) == network.parts == ("eyes", "nose", "mouth")
        for part, values in found.parts.items():
            assert np.ptp(expected.regions[part]) > 1e-3
            np.testing.assert_allclose(values, expected.regions[part], atol=1e-5, rtol=0)
        for row, explanation in enumerate(build_part_heads(detector)(crops)):
            assert set(found.maps) == set(explanation.maps)
            for target, heat in explanation.maps.items():
                np.testing.assert_allclose(found.maps[target][row], heat, atol=1e-4, rtol=1e-4)
        embedding = Embedder(built)(np.stack([crop.image for crop in crops]))
        np.testing.assert_allclose(found.embedding, embedding, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_it_is_frozen_and_gradients_reach_the_images(
    network: RoiNetwork, crops: list[Crop]
) -> None:
    assert not network.training
    assert not any(each.requires_grad for each in network.parameters())
    wide = copy.deepcopy(network).double()
    images, landmarks = network.inputs(crops[:1])
    assert landmarks is not None
    weights = wide.part_weights(landmarks).double()
    images = images.double().requires_grad_()
    wide(images, weights=weights).scores.sum().backward()
    assert images.grad is not None
    step = 1e-5 * images.grad / images.grad.norm()
    with torch.no_grad():
        after, before = (wide(images + sign * step, weights=weights).scores for sign in (1, -1))
    expected = 2 * 1e-5 * images.grad.norm().item()
    np.testing.assert_allclose((after - before).item(), expected, rtol=1e-3)


def test_all_of_its_state_moves_with_it(network: RoiNetwork, crops: list[Crop]) -> None:
    moved = copy.deepcopy(network).to("meta")
    assert {each.device.type for each in moved.state_dict().values()} == {"meta"}
    held = [*moved.parameters(), *moved.buffers()]
    assert {each.device.type for each in held} == {"meta"}
    weights = network.part_weights(network.inputs(crops)[1]).to("meta")  # type: ignore[arg-type]
    size = network.crop.size
    found = moved(torch.zeros(4, 3, size, size, device="meta"), weights=weights)
    assert found.scores.shape == (4,)


def test_a_part_outside_of_the_crop_leaves_that_face_without_scores(
    network: RoiNetwork, crops: list[Crop]
) -> None:
    landmarks = np.stack([crop.landmarks for crop in crops])
    landmarks[1, 48:68] += 1000
    found = network(network.inputs(crops)[0], landmarks)
    assert torch.isnan(found.scores).tolist() == [False, True, False, False]


def test_landmarks_may_be_tensors_or_weights_drawn_before(
    network: RoiNetwork, crops: list[Crop]
) -> None:
    images, landmarks = network.inputs(crops)
    assert landmarks is not None
    expected = network(images, landmarks).scores
    assert torch.equal(network(images, torch.from_numpy(landmarks)).scores, expected)
    weights = network.part_weights(landmarks)
    assert torch.equal(network(images, weights=weights).scores, expected)


def test_what_does_not_fit_is_refused(network: RoiNetwork, crops: list[Crop]) -> None:
    images, landmarks = network.inputs(crops)
    assert landmarks is not None
    size = network.crop.size
    for arguments, message in [
        ((images,), "lesb_roi scores face parts and needs their landmarks"),
        ((images, landmarks[0]), r"landmarks must be \(N, P, 2\).*\(81, 2\)"),
        ((images, landmarks[:, :5]), r"at least 60 points.*\(4, 5, 2\)"),
        ((images, np.full_like(landmarks, np.nan)), "finite numbers"),
        ((images, landmarks[:3]), r"4 images need landmarks of 4 faces.*\(3, 3, \d+, \d+\)"),
        ((images[..., 1:], landmarks), rf"takes images \(N, 3, {size}, {size}\), floats"),
        ((images.to(torch.uint8), landmarks), r"module.pixels\(images\) makes them"),
    ]:
        with pytest.raises(ConfigError, match=message):
            network(*arguments)
    with pytest.raises(ConfigError, match="1 of 4 crops have no landmarks"):
        network.inputs([replace(crops[0], landmarks=None), *crops[1:]])
    with pytest.raises(ConfigError, match=r"of uint8, not \(1, 8, 8, 3\) of uint8"):
        network.pixels(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_backbone_that_is_no_module_is_refused(built: Any) -> None:
    with pytest.raises(ConfigError, match=r"'planted' is a PlantedBackbone, not a torch.nn.Module"):
        RoiNetwork(PlantedBackbone(), fitted_roi(built))
