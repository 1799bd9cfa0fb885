"""Find how the outputs of timm's models lie in memory, by their shapes instead of names."""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch
from torch import nn

from registry.errors import ConfigError

__all__ = ["fine_map", "fine_stage", "is_channels_last", "prefix_tokens"]

FINE_STRIDE = 16  # pixels per map position, at most, to distinguish parts
_OTHER = "; choose another timm model"


def is_channels_last(grid: torch.Tensor) -> bool | None:
    """Say whether a map of square images is (B, h, w, C), not (B, C, h, w); None if both are
    possible.

    Its rows are as many as its columns, and channels are another number.
    """
    _, one, two, three = grid.shape
    if one == two != three:
        return True
    return False if two == three != one else None


def fine_stage(model: Any) -> nn.Module | None:
    """Find the last stage of a model whose map is no coarser than FINE_STRIDE."""
    listed = getattr(model, "feature_info", None) or []
    stages: list[dict[str, Any]] = getattr(listed, "info", listed)
    fine = [stage["module"] for stage in stages if stage["reduction"] <= FINE_STRIDE]
    return dict(model.named_modules()).get(fine[-1]) if fine else None


def fine_map(output: Any, coarse: torch.Tensor) -> torch.Tensor | None:
    """Return a stage's output as (B, C, h, w), if it is finer than the map `coarse`; else None.

    Blocks of one model differ in where they keep channels. Tokens lie on the grid of the map.
    """
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        return None
    last = is_channels_last(output)
    if last is None:
        return None
    fine = output.permute(0, 3, 1, 2) if last else output
    return fine if fine.shape[-1] > coarse.shape[-1] else None


def prefix_tokens(name: str, model: nn.Module, raw: Any) -> int:
    """Count the class and register tokens before the patches; 0 for a feature map.

    A ConfigError for what is neither one map nor one list of tokens on a square grid, or whose
    axes cannot be told apart.
    """
    if not isinstance(raw, torch.Tensor) or raw.ndim not in {3, 4}:
        raise ConfigError(
            f"backbone {name!r} gives {_describe(raw)}, not one feature map (B, C, h, w) or one"
            f" list of tokens (B, T, C), so it cannot be used here{_OTHER}"
        )
    if raw.ndim == 4:
        if is_channels_last(raw) is None:
            raise ConfigError(
                f"backbone {name!r} gives a map of shape {tuple(raw.shape)}, whose rows,"
                f" columns and channels cannot be distinguished{_OTHER}"
            )
        return 0
    declared = getattr(model, "num_prefix_tokens", None)
    for prefix in (0, 1) if declared is None else (declared,):
        patches = raw.shape[1] - prefix
        if patches > 1 and isqrt(patches) ** 2 == patches:
            return int(prefix)
    raise ConfigError(
        f"backbone {name!r} gives {raw.shape[1]} tokens, which do not form a square grid"
        f" and so no feature map{_OTHER}"
    )


def _describe(raw: Any) -> str:
    if isinstance(raw, torch.Tensor):
        return f"a tensor of shape {tuple(raw.shape)}"
    return f"a {type(raw).__name__} of {len(raw)} outputs" if hasattr(raw, "__len__") else repr(raw)
