"""Class activation maps: from an activation A and the gradient g of a logit to one map per image.

Every function takes activation and gradient (B, C, h, w) and gives (B, h, w), signed and neither
cut off at zero nor normalised: a map of nothing stays a map of nothing, and maps of several heads
or faces share one scale. Nothing here needs the host.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = [
    "METHODS",
    "closed_form",
    "eigencam",
    "elementwise",
    "gradcam",
    "gradcam_plus_plus",
    "hirescam",
    "layercam",
    "xgradcam",
]

Tensor = torch.Tensor
_SMALLEST = 1e-6  # a denominator nearer to zero than this counts as this


def gradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return channels weighted by their mean gradient (Selvaraju et al. 2017)."""
    return _weighted(activation, gradient.mean(dim=(2, 3)))


def gradcam_plus_plus(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return channels weighted by sums of alpha relu(g) (Chattopadhyay et al. 2018).

    alpha = g^2 / (2 g^2 + sum(A) g^3) of the paper is divided through by g^2: in floats g^2
    vanishes. The paper takes A for positive; where sum(A) g nears -2 the denominator is clamped.
    """
    total = activation.sum(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    alpha = 1 / (2 + total * gradient).clamp(min=_SMALLEST)  # (B, C, h, w)
    return _weighted(activation, (alpha * gradient.relu()).sum(dim=(2, 3)))


def hirescam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return activation times gradient, summed over channels (Draelos and Carin 2020)."""
    return (activation * gradient).sum(dim=1)


def elementwise(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return the positive part of activation times gradient, without any mean over positions."""
    return (activation * gradient).relu().sum(dim=1)


def layercam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return activation times the positive part of the gradient (Jiang et al. 2021)."""
    return (activation * gradient.relu()).sum(dim=1)


def xgradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return channels weighted by their gradient's mean under the activation (Fu et al. 2020)."""
    total = activation.sum(dim=(2, 3))  # (B, C)
    total = torch.where(total < 0, total.clamp(max=-_SMALLEST), total.clamp(min=_SMALLEST))
    return _weighted(activation, (activation * gradient).sum(dim=(2, 3)) / total)


def eigencam(activation: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG001 - one signature
    """Return the activation along its first principal direction (Muhammad and Yeasin 2020).

    It is of no head: all have the same map. Its sign, which is arbitrary, is chosen so that it
    rises with the sum of the channels.
    """
    positions = activation.flatten(2).transpose(1, 2)  # (B, h w, C)
    centred = positions - positions.mean(dim=1, keepdim=True)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    projected = (centred @ directions[:, 0, :, None])[..., 0]  # (B, h w)
    along = (projected * centred.sum(dim=2)).sum(dim=1, keepdim=True)
    oriented: Tensor = projected * torch.where(along < 0, -1.0, 1.0)
    return oriented.reshape(len(activation), *activation.shape[2:])


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
    "elementwise": elementwise,
    "layercam": layercam,
    "xgradcam": xgradcam,
    "eigencam": eigencam,
}


def closed_form(activation: Tensor, gradient: Tensor, method: str) -> Tensor:
    """Return the map (B, h, w) at a feature map (B, C, h, w) whose mean is the embedding.

    `gradient` is the logit's with respect to the embedding, (B, C): at every position of the map it
    is that over h w, so that no backward pass through the backbone is needed.
    """
    height, width = activation.shape[2:]
    spread = (gradient / (height * width))[:, :, None, None].expand_as(activation)
    return METHODS[method](activation, spread)


def _weighted(activation: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of channels (B, C, h, w) times their weights (B, C)."""
    return torch.einsum("bc,bchw->bhw", weights, activation)
