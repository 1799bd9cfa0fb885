"""Choose the backend that computes a backbone: the named one, or the fastest by measurement."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from registry.backbones.engines import AUTOCAST, PACKAGES, build_engine, engines_here
from registry.console import tell
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import Embedder, Engine, encoder_fingerprint
from registry.errors import BenchError, ConfigError
from registry.files import cache_or_scratch, read_json, write_text
from registry.fingerprints import fingerprint
from registry.ranks import this_rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry.settings.shared import BatchSettings

__all__ = ["Backend", "choose_backend", "fastest"]

SECONDS = 10.0  # that a measurement takes at most, building aside
GAIN = 0.9  # of torch's time: what saves less is not worth a second set of embeddings
_ROUNDS = 9
_FORM = 2  # of a measurement, and of what torch does in it: another number forgets those before
_noted: set[Path] = set()  # measurements that a line of this process told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The backend settings that an Embedder is built with."""

    precision: str
    engine: Engine | None


def choose_backend(
    config: BatchSettings, backbone: Backbone, device: str, batch_size: int
) -> Backend:
    """Return the backend that `--backend` and `--precision` ask for, for batches of a size.

    A ConfigError if they contradict each other, or if it is not available here.
    """
    name: str = config.backend
    if name != "torch" and config.precision != "float32":
        raise ConfigError(
            f"--backend {name} and --precision {config.precision} are two answers to one question;"
            " leave one out"
        )
    if name == "fp16" and not device.startswith("cuda"):
        raise ConfigError(
            f"--backend fp16 is for CUDA GPUs: on {device} torch emulates half precision; use"
            " --backend auto or torch"
        )
    if name in AUTOCAST:
        return Backend(precision=AUTOCAST[name], engine=None)
    if name == "auto":
        name = _remembered(backbone, device, batch_size)
    elif name == "torch" and config.precision == "float32":
        _tell_of_faster(backbone, device, batch_size)
    return Backend(precision=config.precision, engine=build_engine(name, backbone, device))


def _remembered(backbone: Backbone, device: str, batch_size: int) -> str:
    """Return the fastest available backend, as measured now or by an earlier run."""
    names = engines_here(device)
    if names == ["torch"]:
        return "torch"
    path = _memory(backbone, device, batch_size, names)
    earlier = _measured(path, names)
    if earlier is not None:
        return fastest(earlier)
    if this_rank().count > 1:
        raise ConfigError(
            "--backend auto would be measured by every process for itself, and they might differ;"
            f" name one of {', '.join(names)}, or run the command in one process once"
        )
    runs = _built(names, backbone, device)
    size = backbone.crop.size
    images = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
    ratios = _ratios(runs, images)
    chosen = fastest(ratios)
    _noted.add(path)  # what this line says needs no other
    listed = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    tell(f"note: --backend auto takes {chosen}; time of a batch over that of torch: {listed}")
    write_text(path, json.dumps({"ratios": ratios}))
    return chosen


def _measured(path: Path, names: list[str]) -> dict[str, float] | None:
    """Return the times over torch's that an earlier run measured; None where none can be read."""
    try:
        ratios = {str(name): float(ratio) for name, ratio in read_json(path)["ratios"].items()}
    except (BenchError, OSError, AttributeError, LookupError, TypeError, ValueError):
        return None  # there is none, or it is damaged: measured anew
    return ratios if "torch" in ratios and set(ratios) <= set(names) else None


def _tell_of_faster(backbone: Backbone, device: str, batch_size: int) -> None:
    """Say, once in a process, what an earlier run with `--backend auto` found to be faster."""
    names = engines_here(device)
    if names == ["torch"] or not this_rank().first:
        return
    path = _memory(backbone, device, batch_size, names)
    ratios = _measured(path, names) or {"torch": 1.0}
    best = fastest(ratios)
    if best != "torch" and path not in _noted:
        _noted.add(path)
        tell(f"note: --backend {best} would take about {ratios[best]:.2f} of torch's time here")


def fastest(ratios: Mapping[str, float]) -> str:
    """Return the fastest backend; torch unless another saves at least a tenth of its time."""
    best = min(ratios, key=lambda name: ratios[name])
    return best if ratios[best] < GAIN else "torch"


def _built(
    names: list[str], backbone: Backbone, device: str
) -> dict[str, Callable[[NDArray[np.uint8]], object]]:
    """Build what embeds a batch, by backend; leave out one that cannot, with a note."""
    runs: dict[str, Callable[[NDArray[np.uint8]], object]] = {}
    for name in names:
        try:
            engine = build_engine(name, backbone, device)
        except BenchError as error:
            tell(f"note: {error}")
            continue
        runs[name] = Embedder(backbone, device=device, engine=engine)
    return runs


def _ratios(
    runs: Mapping[str, Callable[[NDArray[np.uint8]], object]], images: NDArray[np.uint8]
) -> dict[str, float]:
    """Return each backend's time over torch's: the median over rounds in which each runs once."""
    times: list[list[float]] = []
    end = time.perf_counter() + SECONDS
    for run in runs.values():
        run(images)  # the first run of each plans its memory
    while len(times) < _ROUNDS and (not times or time.perf_counter() < end):
        times.append([_seconds(run, images) for run in runs.values()])
    spent = np.array(times)  # (rounds, backends)
    ratios = np.median(spent / spent[:, :1], axis=0)
    return dict(zip(runs, ratios.tolist(), strict=True))


def _seconds(run: Callable[[NDArray[np.uint8]], object], images: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    run(images)
    return time.perf_counter() - start


def _memory(backbone: Backbone, device: str, batch_size: int, names: list[str]) -> Path:
    """Return the file that remembers the choice for this machine, these packages, backbone and
    batch.
    """
    machine = [platform.node(), platform.machine(), os.cpu_count(), device, torch.get_num_threads()]
    packages = ("torch", *(PACKAGES[name] for name in names if name in PACKAGES))
    versions = [importlib.metadata.version(name) for name in packages]
    encoder = encoder_fingerprint(backbone, "float32")
    key = fingerprint([_FORM, machine, versions, names, encoder, batch_size])
    return cache_or_scratch() / "backends" / f"{key}.json"
