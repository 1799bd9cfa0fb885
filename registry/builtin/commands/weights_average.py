"""The mean of several trained weights of one network (model soups, Wortsman et al., ICML 2022)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from registry.backbones.checkpoint import State, load_state
from registry.errors import ConfigError, DataError
from registry.files import replacing

__all__ = ["average_weights"]


def average_weights(paths: Sequence[Path], out: Path) -> str:
    """Write the mean of every tensor to `out` (safetensors); its sha256.

    Worth something for weights that started from the same ones: their mean often beats each. Types
    are those of the first file, counters are its own. DataError where two files are not of one
    network.
    """
    if len(paths) < 2:
        raise ConfigError("an average needs at least two weights files")
    if out.suffix != ".safetensors":
        raise ConfigError(f"--out is {str(out)!r}; weights are written as FILE.safetensors")
    loaded = [load_state(path) for path in paths]
    first = loaded[0][0]
    for path, (state, _) in zip(paths[1:], loaded[1:], strict=True):
        _check_alike(first, state, paths[0], path)
    mean = {name: _mean([state[name] for state, _ in loaded]) for name in first}
    sources = [
        {"file": path.name, "sha256": sha} for path, (_, sha) in zip(paths, loaded, strict=True)
    ]
    with replacing(out) as temporary:
        temporary.write_bytes(save(mean, metadata={"average_of": json.dumps(sources)}))
    return load_state(out)[1]


def _mean(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    first = tensors[0]
    if not first.is_floating_point():
        return first.contiguous()
    return torch.stack([each.double() for each in tensors]).mean(dim=0).to(first.dtype).contiguous()


def _check_alike(one: State, other: State, path: Path, other_path: Path) -> None:
    for name in sorted({*one, *other}):
        shapes = [
            tuple(state[name].shape) if name in state else "missing" for state in (one, other)
        ]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"{path} and {other_path} are not weights of the same network: {name} is"
                f" {shapes[0]} in the first and {shapes[1]} in the second"
            )
