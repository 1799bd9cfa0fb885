"""LESB as a torch module says what the detector says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lesb_plugin.export.network import FUSIONS, LesbNetwork
from lesb_plugin.export.source import load_source
from lesb_plugin.lesb import fusion as reference
from lesb_plugin.lesb.detector import LesbDetector, build_lesb
from lesb_plugin.lesb.options import LesbOptions
from registry import ConfigError, Embedder, detector_context
from tests.shared.planted import PlantedBackbone
from tests.shared.random_lesb import backbone, fitted, pictures, to_crops


def check_equal(network: LesbNetwork, detector: LesbDetector) -> None:
    images = pictures(6, network.crop.size)
    expected = detector.score(to_crops(images))
    with torch.inference_mode():
        found = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    assert found.head is not None
    assert np.ptp(expected.fake) > 1e-3  # else equality would say little
    np.testing.assert_allclose(found.fake, expected.fake, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found.head, expected.variants["head"], atol=1e-5, rtol=0)
    for part, values in zip(network.parts, found.parts.T, strict=True):
        np.testing.assert_allclose(values, expected.regions[part], atol=1e-5, rtol=0)


@pytest.mark.slow
def test_the_shipped_lesb_scores_as_its_detector_does() -> None:
    detector = build_lesb(detector_context(device="cpu"))
    check_equal(load_source("sbi_efflite0").network, detector)


@pytest.mark.slow
@pytest.mark.parametrize("probe", [False, True], ids=["own head", "probe"])
@pytest.mark.parametrize("fusion", ["max", "median"])
def test_any_fusion_and_either_head_score_as_the_detector_does(probe: bool, fusion: Any) -> None:
    built = backbone()
    model = fitted(built, probe=probe)
    detector = LesbDetector(Embedder(built), model, LesbOptions(fusion=fusion))
    check_equal(LesbNetwork(built, model, fusion), detector)


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5])
def test_fusions_of_tensors_are_those_of_arrays(parts: int) -> None:
    assert set(FUSIONS) == set(reference.FUSIONS)
    scores = np.random.default_rng(parts).random((parts, 50))
    scores[:, :2] = [0.0, 1.0]
    scores[0, 2:20] = 0.9  # of two and four parts some votes are ties
    for name, fuse in FUSIONS.items():
        found = fuse(torch.from_numpy(scores.T))
        np.testing.assert_allclose(found, reference.fuse(scores, name), atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_its_state_is_flat_names_every_part_and_is_frozen() -> None:
    built = backbone()
    network = LesbNetwork(built, fitted(built, probe=True))
    names = set(network.state_dict())
    assert {f"backbone.{name}" for name in built.state_dict()} <= names
    assert {"centre", "heads.p_eyes.basis", "heads.p_mouth.weight2", "probe.weight"} <= names
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.training


@pytest.mark.slow
def test_a_backbone_that_is_no_module_and_a_fusion_that_is_none_are_refused() -> None:
    built = backbone()
    model = fitted(built)
    with pytest.raises(ConfigError, match=r"'planted' is a PlantedBackbone, not a torch.nn.Module"):
        LesbNetwork(PlantedBackbone(), model)
    with pytest.raises(ConfigError, match="no fusion named 'meen'; known: mean, max"):
        LesbNetwork(built, model, "meen")
