"""Convolutions that do at once what a network does around them: padding before, activation after.

For a network at rest, in float32 on a CPU, where most layers wait for memory.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import torch
from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional

from registry.backbones.frozen_padding import FrozenPadding, same_padding
from registry.backbones.watching import agree, followed, input_shapes, replace_layers

__all__ = ["FusedConv", "PaddedKernel", "can_fuse", "fused"]

_FOREIGN = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {  # by their names in oneDNN
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.SiLU: ("swish", []),
    nn.Hardswish: ("hardswish", []),
}


def can_fuse() -> bool:
    """Say whether this build of torch computes a convolution and its activation in one step.

    The operators are those of torch.compile. They are no part of torch's documented interface, so
    what they compute is compared with the layers that they stand for.
    """
    names = ("_convolution_pointwise", "_reorder_convolution_weight")
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and all(hasattr(torch.ops.mkldnn, name) for name in names)


@torch.inference_mode(mode=False)
@torch.no_grad()
def fused(model: nn.Module, run: Callable[[Any], torch.Tensor]) -> nn.Module:
    """Return a copy that computes the same in fewer passes over memory; the model itself where
    that is not to be had.

    `run(model)` passes some images through a model, and gives what must stay the same.
    EfficientNet-Lite0 takes 0.8 of its time so on batches of 16, two thirds on single images.
    """
    if not can_fuse():
        return model
    form = copy.deepcopy(model)
    try:
        _fold_padding(form, lambda: run(form))
        expected = _fuse_activations(form, lambda: run(form))
        return form if agree(run(form), expected) else model
    except _FOREIGN:  # a layer that asks another for what this one has not
        return model


class PaddedKernel(nn.Conv2d):
    """A convolution that pads more after than before, as one that pads equally.

    Zeros before its kernel shift it by as much as the padding before an image grows. What the
    padding is may depend on the size of the image: one of another size goes to `whole`.
    """

    def __init__(
        self, whole: nn.Conv2d, padding: tuple[int, int, int, int], side: torch.Size
    ) -> None:
        left, right, top, bottom = padding
        kernel = functional.pad(whole.weight, (right - left, 0, bottom - top, 0))
        super().__init__(
            whole.in_channels,
            whole.out_channels,
            (kernel.shape[2], kernel.shape[3]),
            stride=cast(tuple[int, int], whole.stride),
            padding=(bottom, right),
            groups=whole.groups,
            bias=False,
        )
        layout = torch.channels_last if _is_channels_last(whole.weight) else torch.contiguous_format
        self.weight = nn.Parameter(kernel.contiguous(memory_format=layout), requires_grad=False)
        self.bias = whole.bias
        self.whole, self._side = whole, side

    def fits(self, images: torch.Tensor) -> bool:
        """Say whether images (B, C, H, W) are of the size that the padding was found for."""
        return images.shape[2:] == self._side

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name
        if not self.fits(input):
            whole: torch.Tensor = self.whole(input)
            return whole
        return super().forward(input)


class FusedConv(nn.Module):
    """A convolution and the activation after it in one pass over memory.

    Its weights lie as oneDNN wants them for inputs of a shape (B, C, H, W): a convolution of
    torch's lays them so for every batch anew, which is a third of the time of a single image.
    """

    def __init__(self, conv: nn.Conv2d, activation: nn.Module, shape: torch.Size) -> None:
        super().__init__()
        self.conv, self.activation = conv, activation
        self._name, self._bounds = _ACTIVATIONS[type(activation)]
        self._how = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            conv.weight.detach(), *self._how, list(shape)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        conv = self.conv
        output: torch.Tensor
        if isinstance(conv, PaddedKernel) and not conv.fits(images):
            output = self.activation(conv(images))
        else:
            output = torch.ops.mkldnn._convolution_pointwise(
                images, self._packed, conv.bias, *self._how, self._name, self._bounds, ""
            )
        return output


def _fold_padding(model: nn.Module, run: Callable[[], torch.Tensor]) -> None:
    """Make the padding of "same" convolutions part of their kernels, in place.

    `run()` passes images of the size that is to come through the model.
    """
    shapes = input_shapes(model, run, Conv2dSame | FrozenPadding)
    kernels = {conv: _padded(conv, *given) for conv, given in shapes.items() if len(given) == 1}
    replace_layers(model, {conv: each for conv, each in kernels.items() if each is not None})


def _padded(conv: nn.Module, shape: torch.Size) -> PaddedKernel | None:
    assert isinstance(conv, Conv2dSame | FrozenPadding)  # noqa: S101 - as `input_shapes` was told
    side = shape[2:]
    padding = conv.frozen if isinstance(conv, FrozenPadding) else same_padding(conv, side)
    left, right, top, bottom = padding
    if right < left or bottom < top or conv.dilation != (1, 1):
        return None
    return PaddedKernel(conv, padding, side)


def _fuse_activations(model: nn.Module, run: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Join every convolution with the activation right after it, in place.

    `run()` passes some images through the model; returns what came out of it before.
    """
    output, pairs = followed(model, run, lambda layer: type(layer) in _ACTIVATIONS)
    after = {conv: layer for conv, layer in pairs if not isinstance(layer, nn.Identity)}
    joined: dict[nn.Module, nn.Module] = {}
    for conv, shapes in input_shapes(model, run, nn.Conv2d).items():
        if isinstance(conv, nn.Conv2d) and _is_plain(conv):
            activation = after.get(conv)
            joined[conv] = FusedConv(conv, activation or nn.Identity(), shapes[0])
            if activation is not None:
                joined[activation] = nn.Identity()
    replace_layers(model, joined)
    return output


def _is_plain(conv: nn.Conv2d) -> bool:
    """Say whether the fields of a convolution say all that it does."""
    return type(conv) in (nn.Conv2d, PaddedKernel) and (
        conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    )


def _is_channels_last(weight: torch.Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last)
