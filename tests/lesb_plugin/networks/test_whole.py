"""`lesb` as a torch module: scores of the detector."""

from __future__ import annotations

import numpy as np
import torch

from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.options import LesbOptions
from lesb_plugin.networks.whole import WholeNetwork
from registry import Embedder
from tests.shared.random_lesb import backbone, fitted, pictures, to_crops


def test_scores_are_those_of_the_detector_and_gradients_reach_the_images() -> None:
    built = backbone()
    model = fitted(built)
    network = WholeNetwork(built, model)
    crops = to_crops(pictures(5, built.crop.size))
    expected = LesbDetector(Embedder(built), model, LesbOptions()).score(crops)
    images, landmarks = network.inputs(crops)
    assert landmarks is None
    found = network(images.requires_grad_())
    assert np.ptp(expected.fake) > 1e-3  # else equality would say little
    np.testing.assert_allclose(found.scores.detach(), expected.fake, atol=1e-5, rtol=0)
    for part, values in found.parts.items():
        np.testing.assert_allclose(values.detach(), expected.regions[part], atol=1e-5, rtol=0)
    assert found.maps == {}
    assert found.embedding.shape == (5, built.dim)
    found.scores.sum().backward()
    assert images.grad is not None
    assert bool((images.grad.flatten(1).norm(dim=1) > 0).all())
    assert not network.training
    assert not any(each.requires_grad for each in network.parameters())
    assert torch.equal(network(images, np.zeros((5, 68, 2))).scores, found.scores)
