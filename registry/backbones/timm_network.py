"""A timm model in training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from timm.models import group_parameters
from torch import nn

from registry.errors import ConfigError

__all__ = ["TimmNetwork"]

STRIDE = 16  # of the map that masks are learned on


class TimmNetwork(nn.Module):
    """A copy of a timm model: images (B, 3, S, S), RGB in [0, 1], to logits (B, classes).

    A head that has as many classes is kept, any other replaced by one drawn from `seed`.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, model: Any, mean: torch.Tensor, std: torch.Tensor, *, classes: int, seed: int
    ) -> None:
        super().__init__()
        self.model: Any = copy.deepcopy(model)
        if getattr(model, "num_classes", 0) != classes:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                self.model.reset_classifier(classes)
        if not isinstance(self.model.get_classifier(), nn.Module):
            raise ConfigError("a model with several classifiers cannot be trained; choose another")
        self.register_buffer("mean", mean.clone(), persistent=False)
        self.register_buffer("std", std.clone(), persistent=False)
        self._frozen: tuple[nn.Module, ...] = ()
        self.train().requires_grad_(requires_grad=True)

    def freeze(self, stages: int) -> None:
        """Keep the first `stages` stages, including the stem, as they are, with their norms.

        ConfigError for a model of timm's that names no stages, or has too few.
        """
        if not hasattr(self.model, "group_matcher"):
            raise ConfigError(
                f"timm's {type(self.model).__name__} does not name its stages, so none can be"
                " frozen"
            )
        matcher = self.model.group_matcher(coarse=True)
        stage_of: dict[str, int] = group_parameters(self.model, matcher, reverse=True)
        count = max(stage_of.values())  # the last one holds the head
        if stages > count:
            raise ConfigError(
                f"{stages} stages cannot be frozen: the network has {count} before its head"
            )
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(stage_of[name] >= stages)
        self._frozen = tuple(
            module
            for module in self.model.modules()
            if (own := list(module.parameters())) and not any(each.requires_grad for each in own)
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> TimmNetwork:
        """Keep frozen modules in eval mode; otherwise their norms would go on collecting
        statistics.
        """
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def with_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits, and the last feature map (B, C, h, w) with at least a sixteenth of the
        side.

        ConfigError for a model of timm's that does not give its intermediate maps.
        """
        if not hasattr(self.model, "forward_intermediates"):
            raise ConfigError(
                f"timm's {type(self.model).__name__} does not give its intermediate feature maps"
            )
        images = (images - self.mean) / self.std
        raw, maps = self.model.forward_intermediates(images)
        least = images.shape[-1] // STRIDE
        fine = [each for each in maps if each.shape[-1] >= least] or maps
        return self.model.forward_head(raw), fine[-1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model((images - self.mean) / self.std)
        return logits

    def head(self) -> nn.Module:
        """Return the module that turns embeddings into logits."""
        head: nn.Module = self.model.get_classifier()
        return head

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the model's tensors by their names in timm."""
        tensors: dict[str, torch.Tensor] = self.model.state_dict()
        return tensors
