"""Which layer of a network reads the output of which convolution, found out by running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["agree", "followed", "input_shapes", "replace_layers"]

# Of the output's norm. Rounding is 1e-6 of it in most networks, a wrong pair makes about 1. Where a
# network makes more of rounding, its numbers would hang on which form of it is run: its own is.
TOLERANCE = 1e-5
Pair = tuple[nn.Conv2d, nn.Module]


def followed(
    model: nn.Module, run: Callable[[], torch.Tensor], by: Callable[[nn.Module], bool]
) -> tuple[torch.Tensor, list[Pair]]:
    """Return what comes out, and the convolutions with the layers that read their outputs.

    Both layers of a pair run once, one right on the other's output. `run()` passes some images
    through the model; `by` says which layers are looked for. Inference tensors count no changes, so
    inference mode has to be off.
    """
    outputs: list[tuple[nn.Conv2d, torch.Tensor, int]] = []
    read: list[tuple[nn.Module, nn.Conv2d | None]] = []

    def after_conv(conv: Any, _inputs: Any, output: torch.Tensor) -> None:
        outputs.append((conv, output, output._version))

    def before_reader(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        of = (conv for conv, output, version in outputs
              if any(output is each for each in inputs) and output._version == version)  # fmt: skip
        read.append((layer, next(of, None)))

    handles = [
        each.register_forward_hook(after_conv)
        if isinstance(each, nn.Conv2d)
        else each.register_forward_pre_hook(before_reader)
        for each in model.modules()
        if isinstance(each, nn.Conv2d) or by(each)
    ]
    try:
        output = run()
    finally:
        for handle in handles:
            handle.remove()
    convs = [conv for conv, _, _ in outputs]
    layers = [layer for layer, _ in read]
    pairs = [
        (conv, layer)
        for layer, conv in read
        if conv is not None and convs.count(conv) == layers.count(layer) == 1
    ]
    return output, pairs


def input_shapes(
    model: nn.Module, run: Callable[[], torch.Tensor], kind: Any
) -> dict[nn.Module, list[torch.Size]]:
    """Return what shapes (B, C, H, W) of input layers of a kind get while `run()` runs."""
    shapes: dict[nn.Module, list[torch.Size]] = {}

    def before(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        shapes.setdefault(layer, []).append(inputs[0].shape)

    layers = [each for each in model.modules() if isinstance(each, kind)]
    handles = [each.register_forward_pre_hook(before) for each in layers]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def replace_layers(model: nn.Module, by: Mapping[nn.Module, nn.Module]) -> None:
    """Put others in the place of some layers of a model."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in by:
                setattr(parent, name, by[child])


def agree(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Say whether two forms of a network gave the same, up to rounding."""
    return bool((found - expected).norm() <= TOLERANCE * expected.norm())
