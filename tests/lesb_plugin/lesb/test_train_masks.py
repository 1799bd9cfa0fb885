"""Masks as a second lesson: what is asked, what it costs, and that it leaves with training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_training import BACKBONE, trainer
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from lesb_plugin.lesb.train.loop import WEIGHTS
from lesb_plugin.lesb.train.masks import MaskLearner, mask_loss, mask_targets
from lesb_plugin.lesb.train.monitor import Stop
from registry import ConfigError
from registry.plugins import load_plugins


def learner(size: int = 64) -> MaskLearner:
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    return MaskLearner(backbone.trainable(2, 0), size, seed=0)


def test_targets_are_the_changed_share_of_each_position_at_any_opacity() -> None:
    masks = torch.zeros(2, 8, 8, dtype=torch.uint8)
    masks[1, :4, :4] = 128  # half opaque: changed all the same
    masks[1, 4, 4] = 64
    expected = torch.tensor([[1.0, 0.0], [0.0, 0.5 / 16]])
    torch.testing.assert_close(mask_targets(masks, (2, 2))[1], expected)
    assert not mask_targets(masks, (2, 2))[0].any()


def test_the_loss_is_the_log_loss_of_scikit_learn_for_hard_masks() -> None:
    rng = np.random.default_rng(0)
    hard, logits = rng.random((3, 4, 4)) < 0.3, rng.normal(size=(3, 4, 4))
    masks = torch.from_numpy(hard.astype(np.uint8) * 200)
    found = mask_loss(torch.from_numpy(logits), masks)
    expected = log_loss(hard.ravel(), 1 / (1 + np.exp(-logits.ravel())))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_learner_gives_the_logits_of_its_network_and_a_map_of_a_sixteenth() -> None:
    both, images = learner().eval(), torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        logits, mask = both.with_mask(images)
        torch.testing.assert_close(logits, both.network(images))
        torch.testing.assert_close(both(images), logits)
    assert mask.shape == (3, 4, 4)


def test_building_a_learner_leaves_batch_norms_as_they_are() -> None:
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    network = backbone.trainable(2, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    built = MaskLearner(network, 64, seed=0)
    assert built.network.training
    assert all(torch.equal(network.state_dict()[name], kept) for name, kept in before.items())


def test_changed_places_are_learned_and_the_layer_is_not_shipped(tmp_path: Path) -> None:
    run = trainer(tmp_path, faces=24, epochs=12, pairs=8, mask_weight=2.0)
    run.run(Stop(None))
    assert isinstance(run.average.network, MaskLearner)
    pairs = [run.maker.make(99, face) for face in range(24)]
    images = torch.from_numpy(np.stack([pair.images[1] for pair in pairs]))
    masks = torch.from_numpy(np.stack([pair.masks[1] for pair in pairs]))
    with torch.no_grad():
        drawn = run.average.network.with_mask(images.permute(0, 3, 1, 2).float() / 255)[1]
    target = mask_targets(masks, (4, 4)).flatten() > 0.5
    assert roc_auc_score(target, drawn.flatten()) > 0.75
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, str(run.out / WEIGHTS), 0)
    assert backbone.head(torch.zeros(1, backbone.dim)) is not None


def test_a_network_without_maps_says_how_to_train_it_without_masks() -> None:
    with pytest.raises(ConfigError, match=r"no masks can be learned .*with_map.*--mask-weight 0"):
        MaskLearner(nn.Linear(2, 2), 8, seed=0)
