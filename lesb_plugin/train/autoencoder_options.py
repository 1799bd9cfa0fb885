"""Settings of `bench autoencoder`: every field is a flag, a YAML key and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from registry import FailureSettings, RealFaceSettings, option

__all__ = ["AutoencoderConfig"]


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(FailureSettings, RealFaceSettings):
    """One training run of the autoencoder; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "autoencoder"

    val: tuple[str, ...] = option((), "data to measure on (default: the val split of --train)")
    out: str = option("runs/autoencoder.safetensors", "file to write the weights to, .safetensors")
    epochs: int = option(24, "passes over the real faces", min=1)
    batch: int = option(32, "boxes per step", min=1)
    learning_rate: float = option(2e-3, "largest step size of AdamW", min=1e-9)
    overwrite: bool = option(False, "replace an existing file")
