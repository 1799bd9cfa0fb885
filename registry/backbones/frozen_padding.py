"""Convolutions that keep the padding of another image size, as some checkpoints expect."""

from __future__ import annotations

from typing import cast

import torch
from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional

from registry.backbones.watching import input_shapes

__all__ = ["FrozenPadding", "freeze_padding", "same_padding"]


class FrozenPadding(nn.Conv2d):
    """A convolution with a fixed padding (left, right, top, bottom) of zeros."""

    frozen: tuple[int, int, int, int]

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name
        padded = functional.pad(input, self.frozen)
        return functional.conv2d(
            padded, self.weight, self.bias, self.stride, (0, 0), self.dilation, self.groups
        )


def freeze_padding(model: nn.Module, size: int) -> None:
    """Let every "same" convolution pad as for images of `size` pixels, whatever their size.

    TensorFlow's "same" padding depends on the size of the input where the stride is above 1, and
    efficientnet_pytorch computes it once, for the size that a network is named with.
    """
    with torch.no_grad():
        shapes = input_shapes(model, lambda: model(torch.zeros(1, 3, size, size)), Conv2dSame)
    for layer, given in shapes.items():
        padding = same_padding(cast(Conv2dSame, layer), given[-1][2:])
        layer.__class__ = FrozenPadding  # its weights and its place in the model stay
        cast(FrozenPadding, layer).frozen = padding


def same_padding(layer: nn.Conv2d, size: torch.Size) -> tuple[int, int, int, int]:
    """Return TensorFlow's padding (left, right, top, bottom) of an input of size (H, W).

    It is the least that gives ceil(side / stride), the odd one last.
    """
    sides = []
    for axis in (1, 0):  # width before height, as torch pads
        side, stride = size[axis], layer.stride[axis]
        reach = (layer.kernel_size[axis] - 1) * layer.dilation[axis] + 1
        whole = max(0, (-(-side // stride) - 1) * stride + reach - side)
        sides += [whole // 2, whole - whole // 2]
    left, right, top, bottom = sides
    return left, right, top, bottom
