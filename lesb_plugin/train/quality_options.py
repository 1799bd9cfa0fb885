"""Settings of `bench quality`: every field is a flag, a YAML key and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from registry import FailureSettings, RealFaceSettings, option

__all__ = ["QualityConfig"]


@dataclass(frozen=True, kw_only=True)
class QualityConfig(FailureSettings, RealFaceSettings):
    """One table of qualities; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "quality"

    dataset: tuple[str, ...] = option(
        (), "data whose real faces to measure: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of that data")
    train: tuple[str, ...] = option(
        (), "real faces to make training pairs from, as `bench train` does"
    )
    val: tuple[str, ...] = option((), "faces to hold out (default: the val split of --train)")
    style: tuple[str, ...] = option(
        ("video",), "how to make those pairs: a YAML file, or one of configs/style"
    )
    faces: int = option(300, "measure at most this many faces of each", min=2)
    size: int = option(224, "side of a crop in pixels", min=16)
