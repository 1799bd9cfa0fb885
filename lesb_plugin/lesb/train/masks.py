"""A second lesson beside real or fake: where the fake was changed.

Few faces teach more when every position of a feature map is an example of its own (as in Face
X-ray, Li et al., CVPR 2020, and LAA-Net, Nguyen et al., CVPR 2024). What is learned stays in the
trunk; the layer that draws the mask is dropped with the end of training.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from registry import ConfigError, TrainableNetwork

__all__ = ["MaskLearner", "mask_loss", "mask_targets"]


class MaskLearner(nn.Module):
    """A network in training with a layer that tells changed from unchanged positions.

    Otherwise it is the network itself: `forward`, `weights` and what becomes of them are the same.
    """

    def __init__(self, network: nn.Module, size: int, seed: int) -> None:
        """`size` is the side of the images; `seed` draws the layer's weights."""
        super().__init__()
        self.network = network
        channels = self._channels(size)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.painter = nn.Conv2d(channels, 1, 1)

    def _channels(self, size: int) -> int:
        self.network.eval()  # so that looking at it leaves no trace in batch norms
        try:
            with torch.no_grad():
                shape = self._trainable.with_map(torch.zeros(1, 3, size, size))[1].shape
        except (AttributeError, ConfigError) as error:
            raise ConfigError(
                f"no masks can be learned on this backbone ({error}); pass --mask-weight 0"
            ) from error
        self.network.train()
        return int(shape[1])

    @property
    def _trainable(self) -> TrainableNetwork:
        return cast(TrainableNetwork, self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits  # (B, classes)

    def with_mask(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (B, classes), and logits (B, h, w) of having been changed."""
        logits, features = self._trainable.with_map(images)
        return logits, self.painter(features)[:, 0]

    def head(self) -> nn.Module:
        return nn.ModuleList([self._trainable.head(), self.painter])

    def weights(self) -> dict[str, torch.Tensor]:
        return self._trainable.weights()


def mask_targets(masks: torch.Tensor, side: tuple[int, int]) -> torch.Tensor:
    """(B, h, w) in [0, 1]: the share of a position that was changed, at whatever opacity.

    `masks` are uint8 (B, S, S); a mask counts relative to its own peak.
    """
    masks = masks.float()
    peaks = masks.amax(dim=(1, 2), keepdim=True).clamp(min=1.0)
    return functional.adaptive_avg_pool2d((masks / peaks)[:, None], side)[:, 0]


def mask_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of mask logits (B, h, w), the mean over all positions."""
    targets = mask_targets(masks, (logits.shape[1], logits.shape[2]))
    return functional.binary_cross_entropy_with_logits(logits.float(), targets)
