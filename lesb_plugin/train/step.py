"""One training step: its forward passes, its loss, and the gradients that it leaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from lesb_plugin.train.lessons import Learner, Truth
from lesb_plugin.train.optimiser import perturbed, still_statistics
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.parallel import Parallel

__all__ = ["split_pairs", "step_gradients"]


def step_gradients(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    truth: Truth,
    config: TrainConfig,
    parallel: Parallel | None = None,
) -> tuple[float, float]:
    """Leave the gradients of one step in the parameters; the loss and the share of right answers.

    `images` (2n, 3, S, S) are n pairs, real before fake; the two of a pair are never seen in one
    forward pass (`apart`). The loss is that of the labels; a Learner's gradients are also those of
    its second lesson. With SAM they are those at the worst point near by; the loss is that of the
    weights themselves. With `parallel` they are of all ranks' images; the loss is this rank's.
    """
    passes = parallel or Parallel(network, images.device.type)

    def backward() -> tuple[float, float]:
        loss = right = 0.0
        halves = split_pairs(len(images))
        for rows in halves:
            share = len(rows) / len(images)
            with passes.one_pass(last=rows is halves[-1]):
                found = _losses(passes, images[rows], labels[rows], truth.of(rows), config)
                whole = passes.weight * share * found.whole
                whole.backward()  # type: ignore[no-untyped-call]
            loss += share * float(found.labels.detach())
            right += share * found.right
        return loss, right

    return _gradients(network, backward, config)


class _Losses(NamedTuple):
    labels: torch.Tensor
    whole: torch.Tensor  # with the second lesson's
    right: float  # share of right answers


def _losses(
    passes: Parallel,
    images: torch.Tensor,
    labels: torch.Tensor,
    truth: Truth,
    config: TrainConfig,
) -> _Losses:
    """Return the losses of one forward pass."""
    enabled = config.precision == "bfloat16"
    with torch.autocast(images.device.type, torch.bfloat16, enabled=enabled):
        logits, answer = passes.passes(images)
    whole = loss = nn.functional.cross_entropy(
        logits.float(), labels, label_smoothing=config.smoothing
    )
    if isinstance(passes.network, Learner) and answer is not None:
        whole = loss + config.aux_weight * passes.network.loss(answer, truth)
    return _Losses(loss, whole, float((logits.argmax(dim=1) == labels).float().mean()))


def split_pairs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows of the two forward passes over `count` images, pairs in a row: no pair in either.

    Each holds as many reals as fakes (give or take one pair). In a pass with both of a pair, batch
    norm's statistics give away which is which, and a network learns to read them rather than the
    image: trained so, one had an AUC of 0.955 on new faces while their pairs were in its batch, and
    of 0.787 image by image.
    """
    pairs = torch.arange(count // 2)
    fakes = (pairs >= (len(pairs) + 1) // 2).long()  # of the second half, in the first pass
    return 2 * pairs + fakes, 2 * pairs + 1 - fakes


def _gradients(
    network: nn.Module, backward: Callable[[], tuple[float, float]], config: TrainConfig
) -> tuple[float, float]:
    parameters = list(network.parameters())
    network.zero_grad(set_to_none=True)
    found = backward()
    if config.optimiser == "sam" and math.isfinite(found[0]):
        with perturbed(parameters, config.rho), still_statistics(network):
            backward()
    if config.clip > 0:
        torch.nn.utils.clip_grad_norm_(parameters, config.clip)
    return found
