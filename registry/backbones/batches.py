"""Find how many crops fit into a forward pass: `--batch-size auto`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from registry.console import tell
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import encoder_fingerprint
from registry.errors import BenchError
from registry.files import cache_or_scratch, read_json, write_text
from registry.fingerprints import fingerprint
from registry.settings.shared import ON_CPU, BatchSettings

__all__ = ["batch_size_of", "remember_smaller"]


def batch_size_of(config: BatchSettings, backbone: Backbone, device: str, precision: str) -> int:
    """The number that was given; for `auto` what fitted last time, or the most that is tried.

    A CPU has what swaps in the place of what fails: it gets as many as it likes.
    """
    if config.batch_size != "auto":
        return config.batch_size
    if device == "cpu":
        return ON_CPU
    path = _memory(backbone, device, precision)
    if not path.is_file():
        return config.batch
    try:
        return max(1, min(int(read_json(path)["batch_size"]), config.batch))
    except (BenchError, KeyError, TypeError, ValueError):
        return config.batch  # damaged: found out again


def remember_smaller(
    config: BatchSettings, backbone: Backbone, device: str, precision: str
) -> Callable[[int], None] | None:
    """Return a callback for the next smaller size after one did not fit; None for a fixed size."""
    if config.batch_size != "auto":
        return None
    path = _memory(backbone, device, precision)

    def remember(size: int) -> None:
        tell(f"note: {device} has too little memory; going on with --batch-size {size}")
        write_text(path, f'{{"batch_size": {size}}}')

    return remember


def _memory(backbone: Backbone, device: str, precision: str) -> Path:
    """Where the size is remembered: for this device's name and memory, backbone and precision."""
    kind: list[object] = [device.partition(":")[0]]
    if device.startswith("cuda") and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(device)
        kind = [properties.name, properties.total_memory]
    key = fingerprint([kind, encoder_fingerprint(backbone, precision)])
    return cache_or_scratch() / "batches" / f"{key}.json"
