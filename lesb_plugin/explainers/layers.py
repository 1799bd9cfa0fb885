"""The activation of any layer of a backbone, and logits that torch can differentiate by it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from registry import Backbone, ConfigError, DifferentiableDetector, Features

__all__ = ["Traced", "at_features", "at_layer", "find_layer", "hooked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One forward pass: the activation as a leaf, the features, logits (B,) by target."""

    activation: torch.Tensor
    features: Features
    logits: Mapping[str, torch.Tensor]


def at_features(detector: DifferentiableDetector, images: torch.Tensor) -> Traced:
    """Trace at the backbone's feature map (B, C, h, w) or tokens (B, T, C); the trunk keeps no
    graph.
    """
    embedder = detector.embedder
    with torch.no_grad(), embedder.autocast():
        raw = embedder.backbone.features(images)
    activation = (raw.map if raw.tokens is None else raw.tokens).float().requires_grad_()
    features = Features(activation) if raw.tokens is None else Features(raw.map, activation)
    with torch.enable_grad():
        with embedder.autocast():
            embedding = embedder.backbone.embed(features)
        logits = detector.logits(embedding.float())
    return Traced(activation=activation, features=features, logits=logits)


def at_layer(detector: DifferentiableDetector, images: torch.Tensor, layer: nn.Module) -> Traced:
    """Trace at the output of a module. The graph starts there, so frozen networks work as well."""
    embedder = detector.embedder
    caught: list[torch.Tensor] = []

    def cut(_module: nn.Module, _inputs: Any, output: Any) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim not in {3, 4}:
            raise ConfigError(
                "the layer gives neither a feature map (B, C, h, w) nor tokens (B, T, C)"
                f" but {_describe(output)}; choose another layer"
            )
        leaf = output.detach().requires_grad_()
        caught[:] = [leaf]
        return leaf.clone()  # what follows may work in place, which a leaf forbids

    with hooked(layer, cut), torch.enable_grad():
        with embedder.autocast():
            features = embedder.backbone.features(images)
            embedding = embedder.backbone.embed(features)
        logits = detector.logits(embedding.float())
    if not caught:
        raise ConfigError("the layer is not used when a face is embedded; choose another layer")
    return Traced(activation=caught[0], features=features, logits=logits)


def find_layer(backbone: Backbone, name: str) -> nn.Module:
    """Return the module of a name, whose start may be left out: `blocks.3` for `model.blocks.3`."""
    if not isinstance(backbone, nn.Module):
        raise ConfigError(
            f"backbone {backbone.name!r} is not a torch module, so it has no layer"
            f" {name!r}; omit the layer to use the last feature map"
        )
    modules = dict(backbone.named_modules())
    found = [each for each in (name, f"model.{name}") if each and each in modules]
    if not found:
        close = difflib.get_close_matches(f"model.{name}", modules, n=5, cutoff=0.3)
        near = ", ".join(each.removeprefix("model.") for each in close) or "none"
        raise ConfigError(
            f"backbone {backbone.name!r} has no layer {name!r}; layers with similar names: {near}"
        )
    layer: nn.Module = modules[found[0]]
    return layer


@contextmanager
def hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    """Yield the module with a forward hook while the context lasts."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _describe(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    return f"a {type(output).__name__}"
