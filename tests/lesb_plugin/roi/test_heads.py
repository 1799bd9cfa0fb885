from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lesb_plugin.roi.heads import (
    Examples,
    PartHeads,
    PartRecipe,
    contrastive_loss,
    train_part_heads,
)
from lesb_plugin.roi.localisation import localisation

QUICK = PartRecipe(learning_rate=0.02, epochs=40)


def examples(count: int, seed: int, *, shuffled: bool = False) -> Examples:
    """A changed part moves the first of its six features; whose it is, the labels say."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((count, 3), np.float32)
    labels[np.arange(count), rng.integers(0, 3, count)] = rng.random(count) < 0.6
    labels[rng.random(count) < 0.2] = 1.0
    inputs = rng.normal(size=(3, count, 6)) + 50
    inputs[..., 0] += 3 * labels.T
    shown = labels[rng.permutation(count)] if shuffled else labels
    return Examples(inputs.astype(np.float32), shown)


def right_part(heads: PartHeads, seed: int = 9) -> float:
    unseen = examples(900, seed)
    logits = heads.logits(unseen.inputs)
    return localisation(logits, unseen.labels, logits[:, :10]).right_part


@pytest.mark.slow
def test_heads_name_the_changed_part() -> None:
    assert right_part(train_part_heads(examples(800, 0), examples(300, 1), QUICK, 0)) > 0.9


@pytest.mark.slow
def test_heads_that_learn_from_shuffled_labels_name_it_by_chance() -> None:
    train, val = examples(800, 0, shuffled=True), examples(300, 1, shuffled=True)
    found = [right_part(train_part_heads(train, val, QUICK, seed), 9 + seed) for seed in range(3)]
    assert np.mean(found) == pytest.approx(1 / 3, abs=0.15)


@pytest.mark.slow
def test_without_a_margin_a_head_is_a_logistic_regression() -> None:
    train = examples(600, 0)
    steps = {"learning_rate": 0.05, "epochs": 1500, "patience": 1500, "batch": 600}
    recipe = replace(QUICK, margin=0.0, weight_decay=0.0, **steps)
    heads = train_part_heads(train, train, recipe, 0)
    for k in range(3):
        inputs = StandardScaler().fit_transform(train.inputs[k].astype(np.float64))
        reference = LogisticRegression(C=1e6, max_iter=1000).fit(inputs, train.labels[:, k])
        expected = reference.decision_function(inputs)
        np.testing.assert_allclose(heads.logits(train.inputs)[k], expected, atol=0.2)
        assert np.corrcoef(heads.logits(train.inputs)[k], expected)[0, 1] > 0.9995


def test_loss_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0], [1.0, -1.0, 3.0]])
    labels = torch.tensor([[1.0, 0.0, torch.nan], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])

    def cross_entropy(logit: float, label: int) -> float:
        return float(np.log1p(np.exp(-logit if label else logit)))

    known = [(2.0, 1), (0.5, 0), *[(0.0, 1)] * 3, (1.0, 1), (-1.0, 1), (3.0, 0)]
    entropy = np.mean([cross_entropy(*each) for each in known])
    # First row: 2.0 beats .5 by 1.5 of 2. Second: no other part. Third: -1.0 loses to 3.0 by 4.
    lacking = (0.5 + 0.0 + 6.0) / 3
    assert contrastive_loss(logits, labels, 0.0).item() == pytest.approx(entropy, rel=1e-6)
    assert contrastive_loss(logits, labels, 2.0).item() == pytest.approx(
        entropy + lacking, rel=1e-6
    )


def test_loss_has_a_finite_gradient_where_no_part_or_every_part_was_changed() -> None:
    logits = torch.zeros(3, 3, requires_grad=True)
    labels = torch.tensor([[0.0] * 3, [1.0] * 3, [torch.nan] * 3])
    contrastive_loss(logits, labels, 2.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[2] == 0).all()


def test_training_repeats_and_leaves_its_inputs_and_torch_alone() -> None:
    train, val = examples(100, 0), examples(50, 1)
    kept, state = train.inputs.copy(), torch.random.get_rng_state()
    first, second = (train_part_heads(train, val, replace(QUICK, epochs=3), 4) for _ in range(2))
    assert_array_equal(first.weight, second.weight)
    assert_array_equal(train.inputs, kept)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_feature_that_never_varies_is_harmless() -> None:
    train = examples(200, 0)
    train.inputs[..., 3] = 7.0
    heads = train_part_heads(train, train, replace(QUICK, epochs=5), 0)
    assert np.isfinite(heads.weight).all()


def test_heads_come_back_from_their_tensors() -> None:
    heads = train_part_heads(examples(50, 0), examples(50, 1), replace(QUICK, epochs=2), 0)
    again = PartHeads.from_tensors(heads.tensors())
    inputs = examples(5, 3).inputs
    assert_allclose(again.logits(inputs), heads.logits(inputs))
