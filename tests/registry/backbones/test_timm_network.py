"""Stages of a timm model that stay as they are while the rest learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from registry import ConfigError
from registry.backbones.timm_network import TimmNetwork
from registry.plugins.discovery import load_plugins


def network(name: str = "timm/test_efficientnet") -> Any:
    return load_plugins().get("backbone", name).build(name, "random", 0).trainable(2, 0)


def trained(freeze: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Tensors before and after a step of training."""
    learner = network()
    learner.freeze(freeze)
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    optimiser = torch.optim.AdamW(learner.parameters(), lr=0.1)
    loss = nn.functional.cross_entropy(learner(torch.rand(4, 3, 64, 64)), torch.tensor([0, 1] * 2))
    loss.backward()
    optimiser.step()
    return before, learner.state_dict()


def test_frozen_stages_keep_weights_and_statistics_and_all_others_move() -> None:
    before, after = trained(freeze=2)
    first = ("model.conv_stem.", "model.bn1.", "model.blocks.0.")
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) == name.startswith(first), name


def test_nothing_is_frozen_by_zero_stages() -> None:
    before, after = trained(freeze=0)
    assert not any(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_more_stages_than_there_are_before_the_head_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"99 stages cannot be frozen: the network has \d"):
        network().freeze(99)


def test_a_model_that_names_no_stages_is_an_error() -> None:
    class Nameless(nn.Module):
        num_classes = 2

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def get_classifier(self) -> nn.Module:
            return self.fc

    grey = torch.full((1, 3, 1, 1), 0.5)
    with pytest.raises(ConfigError, match="Nameless does not name its stages"):
        TimmNetwork(Nameless(), grey, grey, classes=2, seed=0).freeze(1)
