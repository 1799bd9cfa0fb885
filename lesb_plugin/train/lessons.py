"""An auxiliary task besides real or fake: where the fake was changed, as masks or as parts.

Few faces teach more when every position of a feature map is an example of its own (as in Face
X-ray, Li et al., CVPR 2020, and LAA-Net, Nguyen et al., CVPR 2024). What is learned stays in the
trunk; the layer that answers is dropped with the end of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from registry import ConfigError, TrainableNetwork

__all__ = [
    "Learner",
    "MaskLearner",
    "PartLearner",
    "Truth",
    "build_learner",
    "mask_loss",
    "part_loss",
]


@dataclass(frozen=True, slots=True)
class Truth:
    """What was changed in B images; the parts of a face are None unless requested."""

    masks: torch.Tensor  # uint8 (B, S, S): opacity of the change
    parts: torch.Tensor | None = None  # (B, K, h, w): soft masks of the face's parts
    changed: torch.Tensor | None = None  # (B, K): 1, 0, or NaN for unknown

    def of(self, rows: torch.Tensor) -> Truth:
        """Return that of some of the images."""
        parts = None if self.parts is None else self.parts[rows]
        return Truth(self.masks[rows], parts, None if self.changed is None else self.changed[rows])


class Learner(nn.Module):
    """A network in training with one more layer, `answer`, on its feature map of stride 16.

    Otherwise it is the network itself: `forward`, `weights` and what becomes of them are the same.
    """

    def __init__(self, network: nn.Module, size: int, seed: int, outputs: int = 1) -> None:
        """Add the layer, drawn from `seed`; `size` is the side of the images."""
        super().__init__()
        self.network = network
        channels = self._channels(size)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.answer = nn.Conv2d(channels, outputs, 1)

    def _channels(self, size: int) -> int:
        self.network.eval()  # so that looking at it leaves no trace in batch norms
        try:
            with torch.no_grad():
                shape = self._trainable.with_map(torch.zeros(1, 3, size, size))[1].shape
        except (AttributeError, ConfigError) as error:
            raise ConfigError(
                f"this backbone has no map for a second lesson ({error}); pass --aux none"
            ) from error
        self.network.train()
        return int(shape[1])

    @property
    def _trainable(self) -> TrainableNetwork:
        return cast(TrainableNetwork, self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits  # (B, classes)

    def with_answer(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (B, classes), and the layer's answer (B, outputs, h, w)."""
        logits, features = self._trainable.with_map(images)
        return logits, self.answer(features)

    def loss(self, answer: torch.Tensor, truth: Truth) -> torch.Tensor:
        """Compute the loss of an answer (B, outputs, h, w)."""
        raise NotImplementedError

    def head(self) -> nn.Module:
        return nn.ModuleList([self._trainable.head(), self.answer])

    def weights(self) -> dict[str, torch.Tensor]:
        return self._trainable.weights()


class MaskLearner(Learner):
    """Every position of the map predicts whether it was changed, in one channel."""

    def loss(self, answer: torch.Tensor, truth: Truth) -> torch.Tensor:
        return mask_loss(answer[:, 0], truth.masks)


class PartLearner(Learner):
    """Each of K parts predicts, from its own area alone, whether it was changed."""

    def loss(self, answer: torch.Tensor, truth: Truth) -> torch.Tensor:
        if truth.parts is None or truth.changed is None:
            raise ValueError("a lesson on parts needs a batch with parts")
        return part_loss(answer, truth.parts, truth.changed)


def build_learner(aux: str, network: nn.Module, size: int, seed: int, parts: int) -> Learner:
    """Build the learner of "masks", or of "parts", of which there are `parts`."""
    if aux == "masks":
        return MaskLearner(network, size, seed)
    return PartLearner(network, size, seed, outputs=parts)


def mask_targets(masks: torch.Tensor, side: tuple[int, int]) -> torch.Tensor:
    """Return (B, h, w) in [0, 1]: the share of a position that was changed, whatever its
    opacity.

    `masks` are uint8 (B, S, S); a mask counts relative to its own peak.
    """
    masks = masks.float()
    peaks = masks.amax(dim=(1, 2), keepdim=True).clamp(min=1.0)
    return functional.adaptive_avg_pool2d((masks / peaks)[:, None], side)[:, 0]


def mask_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return the binary cross-entropy of mask logits (B, h, w), averaged over all positions."""
    targets = mask_targets(masks, (logits.shape[1], logits.shape[2]))
    return functional.binary_cross_entropy_with_logits(logits.float(), targets)


def part_loss(answer: torch.Tensor, parts: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """Return the binary cross-entropy of each part's logit, averaged over known parts.

    A part's logit is its channel of `answer` (B, K, h, w) averaged over the part.
    """
    weights = functional.adaptive_avg_pool2d(
        parts, (answer.shape[2], answer.shape[3])
    )  # (B, K, h, w)
    total = weights.sum(dim=(2, 3))
    logits = (answer.float() * weights).sum(dim=(2, 3)) / total.clamp(min=1e-6)
    known = ~changed.isnan() & (total > 0)
    every = functional.binary_cross_entropy_with_logits(
        logits, changed.nan_to_num(), reduction="none"
    )
    return (every * known).sum() / known.sum().clamp(min=1)
