"""Networks as others released them: their names for tensors, and whether two agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from registry.backbones.timm_backbone import TimmBackbone

SCALES = {"b0": 1.0, "b1": 1.1, "b2": 1.2, "b3": 1.4, "b4": 1.8, "b5": 2.2, "b6": 2.6, "b7": 3.1}


def deepened(scale: float) -> tuple[int, ...]:
    """Blocks per stage of the EfficientNet that is `scale` times as deep as B0."""
    return tuple(math.ceil(scale * repeats) for repeats in (1, 2, 2, 3, 3, 4, 1))


def effnet_pytorch_names(stages: tuple[int, ...], *, squeeze: bool = True) -> Iterator[str]:
    """Names of an efficientnet_pytorch state dict in its own order, from its blocks per stage."""

    def norm(name: str) -> Iterator[str]:
        for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            yield f"{name}.{part}"

    def block(start: str, *, expands: bool) -> Iterator[str]:
        if expands:
            yield start + "_expand_conv.weight"
            yield from norm(start + "_bn0")
        yield start + "_depthwise_conv.weight"
        yield from norm(start + "_bn1")
        if squeeze:
            for layer in ("_se_reduce", "_se_expand"):
                yield from (f"{start}{layer}.weight", f"{start}{layer}.bias")
        yield start + "_project_conv.weight"
        yield from norm(start + "_bn2")

    yield "_conv_stem.weight"
    yield from norm("_bn0")
    for number in range(sum(stages)):
        yield from block(f"_blocks.{number}.", expands=number >= stages[0])
    yield "_conv_head.weight"
    yield from norm("_bn1")
    yield from ("_fc.weight", "_fc.bias")


def images(size: int) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(2))


def calibrate(model: nn.Module, batch: torch.Tensor) -> None:
    """Statistics of real activations: with those of a fresh model an image hardly matters."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        model.train()(batch)
    model.eval()


def agree(
    backbone: TimmBackbone, batch: torch.Tensor, expected: torch.Tensor, tolerance: float
) -> None:
    """The backbone's logit is that of the source's two-class logits (B, 2).

    With gradients on, so that norms are not folded and sums run in the same order.
    """
    found = backbone.head(backbone.embed(backbone.features(batch)))
    assert found is not None
    assert (expected[0] - expected[1]).abs().max() > 1e-3  # the images matter
    scale = max(1.0, float(expected.abs().max()))
    logit = expected[:, 1] - expected[:, 0]
    torch.testing.assert_close(found, logit, rtol=0, atol=tolerance * scale)
    probability = expected.softmax(1)[:, 1]
    torch.testing.assert_close(found.sigmoid(), probability, rtol=0, atol=tolerance * scale)


def outputs(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Logits in the memory layout that backbones use, so that sums run in the same order."""
    with torch.inference_mode():
        found: torch.Tensor = model.to(memory_format=torch.channels_last)(batch)
    return found
