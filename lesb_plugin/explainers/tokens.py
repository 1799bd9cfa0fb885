"""A transformer's tokens: their grid, and those that a network uses as storage."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lesb_plugin.explainers.masks import face_cells
from registry import Backbone, ConfigError, Crop, Features

__all__ = ["describe_outliers", "on_grid", "outliers", "transformer_blocks"]

_MADS = 6.0  # median absolute deviations above the median: further out is an outlier


def transformer_blocks(backbone: Backbone) -> list[Any]:
    """Return a transformer's blocks, each with norm1 and attn, in their order; [] for another
    backbone.
    """
    found = getattr(getattr(backbone, "model", None), "blocks", None)
    children = list(found.children()) if isinstance(found, nn.Module) else []
    whole = all(hasattr(block, "norm1") and hasattr(block, "attn") for block in children)
    return children if whole else []


def on_grid(tokens: torch.Tensor, features: Features) -> torch.Tensor:
    """Return patch tokens (B, C, h, w) of tokens (B, T, C); the prefix tokens have no place and
    go.
    """
    height, width = features.map.shape[2:]
    count = tokens.shape[1]
    whole = height * width if features.tokens is None else features.tokens.shape[1]
    if count != whole:
        raise ConfigError(
            f"the layer gives {count} tokens and the backbone {whole}, so they do not fit"
            " its grid; choose another layer"
        )
    patches = tokens[:, count - height * width :]  # (B, h w, C)
    return patches.transpose(1, 2).reshape(len(tokens), -1, height, width)


def outliers(tokens: torch.Tensor) -> torch.Tensor:
    """Return (B, h, w) bool: where the norm of tokens (B, C, h, w) exceeds median + 6 MAD of their
    image.

    Such tokens hold facts of the whole image, not of their place (Darcet et al. 2024).
    """
    norms = tokens.float().norm(dim=1).flatten(1)  # (B, h w)
    median = norms.median(dim=1, keepdim=True).values
    spread = (norms - median).abs().median(dim=1, keepdim=True).values
    found: torch.Tensor = norms > median + _MADS * spread
    return found.reshape(len(tokens), *tokens.shape[2:])


def describe_outliers(outlying: torch.Tensor, crop: Crop, *, included: bool) -> str:
    """Return one sentence on a crop's outliers (h, w), or "" where it has none."""
    count, cells = int(outlying.sum()), outlying.numel()
    if not count:
        return ""
    text = f"{count} of {cells} tokens have outlying norms ({count / cells:.1%})"
    if crop.landmarks is not None:
        face = torch.from_numpy(face_cells(crop, (outlying.shape[0], outlying.shape[1])))
        text += f", {int((outlying.cpu() & ~face).sum())} of them outside the face"
    return f"{text}; {('they are kept' if included else 'they are left out of the maps (0 there)')}"
