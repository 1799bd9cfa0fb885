"""Step sizes, SAM and averages against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from lesb_plugin.train.lessons import Truth
from lesb_plugin.train.optimiser import (
    Average,
    perturbed,
    rate,
    set_rate,
    still_statistics,
    train_mode,
    weight_groups,
)
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.step import split_pairs, step_gradients
from registry import auc, resolve


def config(**settings: Any) -> TrainConfig:
    return resolve(TrainConfig, None, (), settings)


def test_sam_takes_the_gradient_at_the_worst_point_near_by_on_a_quadratic() -> None:
    """f(w) = w' A w / 2: the step's gradient is A (w + rho A w / |A w|)."""
    A = torch.tensor([[3.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    w = nn.Parameter(torch.tensor([0.7, -1.3], dtype=torch.float64))
    (w @ A @ w / 2).backward()
    start, rho = w.detach().clone(), 0.05
    gradient = A @ start
    with perturbed([w], rho):
        assert w.grad is None
        (w @ A @ w / 2).backward()
    torch.testing.assert_close(w.grad, A @ (start + rho * gradient / gradient.norm()))
    assert torch.equal(w.detach(), start)


def test_sam_leaves_running_statistics_of_the_second_step_out() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    images, labels = torch.rand(6, 3, 8, 8), torch.arange(6) % 2
    masks = torch.zeros(6, 8, 8, dtype=torch.uint8)
    step_gradients(network, images, labels, Truth(masks), config(optimiser="sam"))
    norm: Any = network[1]
    seen = nn.functional.conv2d(images, network[0].weight, network[0].bias)  # type: ignore[arg-type, union-attr]
    one, other = seen[[0, 2, 5]].mean((0, 2, 3)), seen[[1, 3, 4]].mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, 0.9 * 0.1 * one + 0.1 * other)
    assert norm.momentum == 0.1


@pytest.mark.parametrize("pairs", [1, 2, 5, 16])
def test_no_forward_pass_holds_both_of_a_pair(pairs: int) -> None:
    """What a pass holds of one pair says nothing of its labels: as many reals as fakes."""
    passes = split_pairs(2 * pairs)
    assert sorted(torch.cat(passes).tolist()) == list(range(2 * pairs))
    for rows in passes:
        assert sorted((rows // 2).tolist()) == list(range(pairs))  # each pair once
        fakes = int((rows % 2).sum())
        assert abs(2 * fakes - pairs) <= 1


class _Seen(nn.Module):
    """A linear network that keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 2)
        self.batches: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(images)
        return self.linear(images.flatten(1))  # type: ignore[no-any-return]


def test_a_step_shows_pairs_apart_and_its_gradient_is_that_of_all_images() -> None:
    torch.manual_seed(1)
    network, images = _Seen(), torch.rand(10, 3, 2, 2)
    labels, masks = torch.arange(10) % 2, torch.zeros(10, 2, 2, dtype=torch.uint8)
    loss, right = step_gradients(network, images, labels, Truth(masks), config(clip=0.0))
    shown = [{int((images == each).flatten(1).all(1).nonzero()) for each in batch}
             for batch in network.batches]  # fmt: skip
    assert shown == [{0, 2, 4, 7, 9}, {1, 3, 5, 6, 8}]
    found = network.linear.weight.grad
    network.linear.weight.grad = None
    logits = network(images)
    expected = nn.functional.cross_entropy(logits, labels, label_smoothing=0.05)
    expected.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, network.linear.weight.grad)
    assert loss == pytest.approx(float(expected.detach()))
    assert right == pytest.approx(float((logits.argmax(1) == labels).float().mean()))


def test_statistics_stand_still_only_within_the_context() -> None:
    norm = nn.BatchNorm1d(2)
    with still_statistics(norm):
        norm(torch.rand(8, 2) + 3)
    torch.testing.assert_close(norm.running_mean, torch.zeros(2))
    norm(torch.full((8, 2), 3.0))
    torch.testing.assert_close(norm.running_mean, torch.full((2,), 0.3))


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_norms_use_and_keep_the_statistics_that_they_have(frozen: bool) -> None:
    norm = nn.BatchNorm1d(1, eps=1e-12)
    norm.running_mean, norm.running_var = torch.tensor([1.0]), torch.tensor([4.0])
    network = nn.Sequential(norm, nn.Dropout(0.5))
    train_mode(network.eval(), frozen_norms=frozen)
    assert network[1].training
    found = norm(torch.tensor([[3.0], [7.0]]))
    expected = [[1.0], [3.0]] if frozen else [[-1.0], [1.0]]  # (x - 1) / 2, or (x - 5) / 2
    torch.testing.assert_close(found, torch.tensor(expected))
    assert (norm.running_mean.item() == 1.0) is frozen
    found.sum().backward()
    assert norm.weight.grad is not None  # scale and shift go on learning


def test_the_average_is_the_weighted_sum_of_its_closed_form() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    values = [5.0, -1.0, 2.0, 4.0, 3.0]
    average = Average(network, 0.3)
    expected = float(network[0].weight.detach())  # type: ignore[union-attr, arg-type]
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            network[0].weight.fill_(value)  # type: ignore[union-attr, operator]
            network[1].running_mean.fill_(2 * value)  # type: ignore[union-attr, operator]
        average.update(network, step)
    decays = [min(0.3, step / (step + 10)) for step in range(1, 6)]
    weights = [(1 - d) * np.prod(decays[i + 1 :]) for i, d in enumerate(decays)]
    start = float(np.prod(decays))
    expected = start * expected + float(np.dot(weights, values))
    state = average.network.state_dict()
    torch.testing.assert_close(state["0.weight"], torch.full((1, 1), expected))
    torch.testing.assert_close(
        state["1.running_mean"], torch.full((1,), 2 * float(np.dot(weights, values)))
    )


def test_an_average_with_no_decay_is_a_copy() -> None:
    network = nn.Linear(2, 2)
    average = Average(network, 0.0)
    with torch.no_grad():
        network.weight.fill_(7)
    average.update(network, 50)
    assert torch.equal(average.network.state_dict()["weight"], network.weight.detach())


def test_the_step_size_rises_stays_and_falls() -> None:
    cosine = config(warmup=0.1, schedule="cosine")
    sizes = [rate(cosine, step, 100) for step in range(100)]
    assert sizes[:11] == sorted(sizes[:11])
    assert sizes[10:] == sorted(sizes[10:], reverse=True)
    assert max(sizes) == 1
    assert sizes[55] == pytest.approx(0.5)
    assert 0 <= sizes[-1] < 1e-3
    linear = config(warmup=0, flat=0.75, schedule="linear")
    assert [rate(linear, step, 100) for step in (0, 74, 75)] == [1, 1, 1]
    assert rate(linear, 80, 100) == pytest.approx(0.8)
    assert rate(linear, 99, 100) == pytest.approx(0.04)


def test_head_and_trunk_have_step_sizes_of_their_own_and_norms_do_not_decay() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    settings = config(learning_rate=0.01, head_rate=10, weight_decay=0.5)
    groups = weight_groups(network, network[2], settings)
    optimiser = torch.optim.SGD(groups, lr=1.0)
    set_rate(optimiser, 0.5)
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    assert len(found) == 6
    for parameter in network.parameters():
        in_head = any(parameter is each for each in network[2].parameters())
        decay = 0.5 if parameter.ndim > 1 else 0.0
        assert found[id(parameter)] == (0.05 if in_head else 0.005, decay)


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    step_gradients(
        network,
        50 * torch.rand(4, 3, 2, 2),
        torch.tensor([0, 1, 0, 1]),
        Truth(torch.zeros(4, 2, 2, dtype=torch.uint8)),
        config(clip=0.1),
    )
    total = torch.nn.utils.get_total_norm(
        [p.grad for p in network.parameters() if p.grad is not None]
    )
    assert float(total) == pytest.approx(0.1, rel=1e-3)


def test_auc_agrees_with_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    scores = np.round(labels + rng.normal(0, 1, 300), 1)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
