"""Everything a run needs to continue, in one file that is written whole or not at all."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes

from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.pseudo_fakes.pairs import load_recipe
from lesb_plugin.train.options import TrainConfig
from registry import (
    ConfigError,
    DataError,
    TrainableNetwork,
    fingerprint,
    load_yaml,
    reading,
    replacing,
    this_rank,
)

__all__ = ["ADVICE", "FREE", "load_same_run", "run_identity", "save_checkpoint", "save_weights"]

# What may change between the parts of a run: it decides when and where, not what is computed.
FREE = (
    "checkpoint_minutes",
    "device",
    "max_errors",
    "max_pixels",
    "minutes",
    "out",
    "overwrite",
    "quiet",
    "resume",
    "tensorboard",
    "threads",
    "workers",
)


ADVICE = "restore the checkpoint of this run, or train with --overwrite"
_KEYS = {
    *("config", "laws", "data_fingerprint", "network", "average", "optimiser", "random"),
    *("done", "best", "seconds", "tally", "log"),
}  # fmt: skip


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state`: tensors, numbers, text, and lists and dicts of them."""
    with replacing(path) as temporary:
        torch.save(dict(state), temporary)


def load_same_run(
    path: Path, device: str, config: TrainConfig, data_fingerprint: str, norms: str = ""
) -> dict[str, Any]:
    """Load the state saved for this run; `norms` is what `norms_of` returns.

    DataError for a file that is missing or none of ours, ConfigError for one of another run.
    """
    state = _load(path, device)
    with reading(f"the checkpoint {path}", ADVICE):
        _check_same_run(state, config, data_fingerprint)
        _check_same_ranks(state, norms)
    return state


def _load(path: Path, device: str) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            f"nothing to resume: no checkpoint at {path}; omit --resume, and pass"
            " --overwrite if there is a run without one"
        )
    with reading(f"the checkpoint {path}", ADVICE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch remarks on what is judged here
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        missing = sorted(_KEYS - state.keys())
        if missing:
            raise ValueError(f"it is not from `bench train`: it has no {', '.join(missing)}")
    return state


def _check_same_run(state: Mapping[str, Any], config: TrainConfig, data_fingerprint: str) -> None:
    now, then = _settings(config), state["config"]
    then = {**_settings(TrainConfig()), **then}  # what is newer than it was as by default
    changed = sorted(key for key in now if now[key] != then.get(key))
    if changed:
        differences = ", ".join(f"{key} was {then.get(key)!r}, is {now[key]!r}" for key in changed)
        raise ConfigError(
            f"cannot resume with other settings ({differences}); use the settings that the"
            " run began with, or train with --overwrite"
        )
    for name, recipe in _recipes(config).items():
        if state.get("laws", {}).get(name, recipe) != recipe:
            raise ConfigError(
                f"cannot resume: style {name!r}, or a file that it names, has changed"
                " since the run began; restore it, or train with --overwrite"
            )
    if state["data_fingerprint"] != data_fingerprint:
        raise ConfigError("cannot resume: the data has changed since; train with --overwrite")


def _check_same_ranks(state: Mapping[str, Any], norms: str) -> None:
    """Raise a ConfigError for another number of processes.

    Dropout's draws and the images of batch norm's statistics depend on it: the run would be
    neither the original one nor repeatable.
    """
    count, then = this_rank().count, state.get("ranks", 1)
    if count != then:
        raise ConfigError(
            f"cannot resume with {count} {_processes(count)}: the run was begun with {then}; start"
            f" as many with torchrun (--nproc-per-node {then}), or train with --overwrite"
        )
    if count > 1 and state.get("norms", "") != norms:  # of one process the settings decide
        raise ConfigError(
            f"cannot resume: batch norms were {state.get('norms')}, and would be {norms} on this"
            " device; resume on one like that of the run's beginning, or train with --overwrite"
        )


def _processes(count: int) -> str:
    return "process" if count == 1 else "processes"


def run_identity(config: TrainConfig, data_fingerprint: str, norms: str = "") -> dict[str, Any]:
    """Return what `load_same_run` compares."""
    return {
        "ranks": this_rank().count,
        "norms": norms,
        "config": _settings(config),
        "laws": _recipes(config),
        "data_fingerprint": data_fingerprint,
    }


def _recipes(config: TrainConfig) -> dict[str, str]:
    """Return hashes of the styles and of what they name: the same path may hold another recipe."""
    found = {}
    for name in (config.style, config.val_style):
        recipe = load_recipe(name)
        regions = region_preset(recipe.regions).to_mapping()
        contents = (asdict(recipe), load_yaml("blend", recipe.blend), regions)
        found[name] = fingerprint(contents)
    return found


def save_weights(
    path: Path,
    network: TrainableNetwork,
    metadata: Mapping[str, Any],
    shift: float = 0.0,
    *,
    exact: bool = False,
) -> None:
    """Save weights as safetensors for `--weights`: float16, with norms, biases and head in
    float32.

    `exact` keeps values in float32 that float16 cannot hold exactly. The bias of the last class
    changes so that a logit of `shift` becomes 0, a score of 0.5. `metadata` is kept as JSON
    under its keys.
    """
    head = {parameter.data_ptr() for parameter in network.head().parameters()}
    tensors = {}
    for name, tensor in network.weights().items():
        small = tensor.is_floating_point() and tensor.ndim > 1 and tensor.data_ptr() not in head
        if small and exact:
            small = torch.equal(tensor.half().to(tensor.dtype), tensor)
        tensors[name] = tensor.detach().to("cpu", torch.float16 if small else tensor.dtype)
    if shift:
        name = _bias(network, head)
        tensors[name] = torch.cat([tensors[name][:-1], tensors[name][-1:] - shift])
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(to_bytes(contiguous, metadata=texts))


def _bias(network: TrainableNetwork, head: set[int]) -> str:
    """Return the name of the bias of the head's classes."""
    for name, tensor in network.weights().items():
        if tensor.shape in {(1,), (2,)} and tensor.data_ptr() in head:
            return name
    raise ConfigError(
        "this backbone's head has no bias that could shift its scores; use --flagged 0"
        " for bench train, and bench validate without --flagged and --out to measure the"
        " AUC"
    )


def _settings(config: TrainConfig) -> dict[str, Any]:
    """Return plain values, as a checkpoint restores them."""
    settings = {key: value for key, value in asdict(config).items() if key not in FREE}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in settings.items()}
