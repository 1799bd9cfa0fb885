"""Second lessons, masks and parts: what is asked, and that the layer leaves with training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from lesb_plugin.pseudo_fakes.pairs import Batch, batches
from lesb_plugin.train.lessons import (
    MaskLearner,
    PartLearner,
    mask_loss,
    mask_targets,
    part_loss,
)
from lesb_plugin.train.loop import WEIGHTS, Trainer
from lesb_plugin.train.monitor import Stop
from registry import ConfigError
from registry.plugins.discovery import load_plugins
from tests.shared.drawn_training import BACKBONE, easy_style, maker, trainer


def learner(size: int = 64) -> MaskLearner:
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    return MaskLearner(backbone.trainable(2, 0), size, seed=0)


def unseen(run: Trainer) -> Batch:
    """A pair of each of the faces, of an epoch that is not trained on."""
    order = [[(99, face) for face in range(24)]]
    (batch,) = batches(run.maker, iter(order), 0, with_parts=True)
    return batch


def images_of(batch: Batch) -> torch.Tensor:
    return batch.images[:, 1].permute(0, 3, 1, 2).float() / 255


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


@pytest.mark.slow
def test_a_learner_gives_the_logits_of_its_network_and_a_map_of_a_sixteenth() -> None:
    both, images = learner().eval(), torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        logits, mask = both.with_answer(images)
        torch.testing.assert_close(logits, both.network(images))
        torch.testing.assert_close(both(images), logits)
    assert mask.shape == (3, 1, 4, 4)


def test_building_a_learner_leaves_batch_norms_as_they_are() -> None:
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    network = backbone.trainable(2, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    built = MaskLearner(network, 64, seed=0)
    assert built.network.training
    assert all(torch.equal(network.state_dict()[name], kept) for name, kept in before.items())


@pytest.mark.slow
def test_changed_places_are_learned_and_the_layer_is_not_shipped(tmp_path: Path) -> None:
    run = trainer(tmp_path, faces=24, epochs=12, pairs=8, aux="masks", aux_weight=2.0)
    run.run(Stop(None))
    assert isinstance(run.average.network, MaskLearner)
    batch = unseen(run)
    with torch.no_grad():
        drawn = run.average.network.with_answer(images_of(batch))[1]
    target = mask_targets(batch.masks[:, 1], (4, 4)).flatten() > 0.5
    assert roc_auc_score(target, drawn.flatten()) > 0.75
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, str(run.out / WEIGHTS), 0)
    assert backbone.head(torch.zeros(1, backbone.dim)) is not None


def test_a_network_without_maps_says_how_to_train_it_without_a_second_lesson() -> None:
    with pytest.raises(ConfigError, match=r"no map for a second lesson .*with_map.*--aux none"):
        MaskLearner(nn.Linear(2, 2), 8, seed=0)


def test_a_part_answers_by_what_lies_within_it() -> None:
    """Two parts of one column each: their logits are those columns' means."""
    rng = np.random.default_rng(1)
    answer = torch.from_numpy(rng.normal(size=(5, 2, 2, 2)))
    parts = torch.zeros(5, 2, 4, 4)
    parts[:, 0, :, :2], parts[:, 1, :, 2:] = 1.0, 0.5
    changed = torch.from_numpy((rng.random((5, 2)) < 0.5).astype(np.float32))
    logits = np.stack([answer[:, 0, :, 0].mean(1), answer[:, 1, :, 1].mean(1)], axis=1)
    expected = log_loss(changed.numpy().ravel(), 1 / (1 + np.exp(-logits.ravel())))
    assert float(part_loss(answer, parts, changed)) == pytest.approx(expected, rel=1e-5)


def test_unknown_parts_teach_nothing() -> None:
    answer = torch.randn(2, 2, 4, 4, requires_grad=True)
    parts = torch.ones(2, 2, 16, 16)
    parts[1, 1] = 0  # outside of the crop
    changed = torch.tensor([[1.0, float("nan")], [0.0, 1.0]])
    part_loss(answer, parts, changed).backward()  # type: ignore[no-untyped-call]
    assert answer.grad is not None
    taught = answer.grad.abs().sum(dim=(2, 3)) > 0
    assert taught.tolist() == [[True, False], [True, False]]


@pytest.mark.slow
def test_which_part_was_changed_is_learned(tmp_path: Path) -> None:
    run = trainer(tmp_path, faces=24, epochs=12, pairs=8, aux="parts", aux_weight=2.0)
    run.run(Stop(None))
    learner = run.average.network
    assert isinstance(learner, PartLearner)
    batch = unseen(run)
    assert batch.parts is not None
    assert batch.changed is not None
    with torch.no_grad():
        answer = learner.with_answer(images_of(batch))[1]
    weights = torch.nn.functional.adaptive_avg_pool2d(batch.parts[:, 1], (4, 4))
    logits = (answer * weights).sum((2, 3)) / weights.sum((2, 3))
    changed = batch.changed[:, 1]
    known = ~changed.isnan()
    assert roc_auc_score(changed[known], logits[known]) > 0.75
    assert not [name for name in learner.weights() if "answer" in name]


def test_a_pair_whose_labels_were_swapped_has_its_parts_swapped(tmp_path: Path) -> None:
    style = easy_style(tmp_path)
    order = [[(0, face) for face in range(6)]]
    changed = []
    for shuffled in (False, True):
        pairs = maker(tmp_path, style, shuffled=shuffled)
        (batch,) = batches(pairs, iter(order), 0, with_parts=True)
        assert batch.changed is not None
        changed.append(batch.changed.nan_to_num(-1))
    plain, mixed = changed
    swapped = (plain != mixed).any(dim=(1, 2))
    assert 0 < swapped.sum() < 6
    torch.testing.assert_close(plain[swapped].flip(1), mixed[swapped])
    assert not (plain[:, 0] == 1).any()
