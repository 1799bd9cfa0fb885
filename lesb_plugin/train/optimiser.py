"""Step sizes, sharpness-aware minimisation, and the average of weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from lesb_plugin.train.options import TrainConfig

__all__ = [
    "Average",
    "perturbed",
    "rate",
    "set_rate",
    "still_statistics",
    "train_mode",
    "weight_groups",
]

M = TypeVar("M", bound=nn.Module)


def rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the step size at `step` of `steps` as a share of the largest: rising, flat, falling
    to 0.
    """
    rising, flat = config.warmup * steps, max(config.flat, config.warmup) * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    if step < flat:
        return 1.0
    gone = (step - flat) / max(1.0, steps - flat)
    return 0.5 * (1.0 + math.cos(math.pi * gone)) if config.schedule == "cosine" else 1.0 - gone


def weight_groups(network: nn.Module, head: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return parameters by step size and decay; `peak` is a group's largest step size.

    Everything with one dimension (biases, scales of norms) does not decay.
    """
    in_head = {id(parameter) for parameter in head.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        groups.setdefault((id(parameter) in in_head, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": config.learning_rate * (config.head_rate if heads else 1.0),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (heads, decays), parameters in groups.items()
    ]


def set_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Set every group to `share` of its largest step size."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share


@contextmanager
def perturbed(parameters: Iterable[nn.Parameter], rho: float) -> Iterator[None]:
    """Yield with parameters moved by `rho` along their common gradient, and gradients cleared.

    The gradient computed inside is that of sharpness-aware minimisation (Foret et al., 2021);
    the parameters are then restored exactly.
    """
    moved = [each for each in parameters if each.grad is not None]
    saved = [each.detach().clone() for each in moved]
    with torch.no_grad():
        gradients = [each.grad for each in moved if each.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        for each, gradient in zip(moved, gradients, strict=True):
            each.add_(gradient, alpha=rho / (float(norm) + 1e-12))
            each.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            for each, value in zip(moved, saved, strict=True):
                each.copy_(value)


def train_mode(network: nn.Module, *, frozen_norms: bool) -> None:
    """Set a network to train; frozen batch norms use their running statistics and keep them."""
    network.train()
    if frozen_norms:
        for norm in _batch_norms(network):
            norm.eval()


def _batch_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


@contextmanager
def still_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch norms use the batch without changing their running statistics."""
    norms = _batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class Average:
    """The exponential moving average of a network's weights and batch-norm statistics.

    At step t (from 1) the decay is the smaller of `decay` and t / (t + 10), so that the start of
    a training is forgotten; 0 is no average but a copy.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Add the weights after step `step`; counters are copied."""
        weight = 1.0 - min(self.decay, step / (step + 10))
        current = network.state_dict()
        for name, tensor in self.network.state_dict().items():
            if weight < 1.0 and tensor.is_floating_point():
                tensor.lerp_(current[name], weight)
            else:
                tensor.copy_(current[name])
