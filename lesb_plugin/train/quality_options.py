"""What `bench quality` does: every field is a flag, a YAML key and an argument."""

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
        (), "data whose real faces are measured: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of that data")
    train: tuple[str, ...] = option(
        (), "real faces of which the reals of training pairs are made, as `bench train` makes them"
    )
    val: tuple[str, ...] = option((), "faces that stand aside; by default the val split of --train")
    style: tuple[str, ...] = option(
        ("video",), "how those pairs are made: a YAML file, or one of configs/style"
    )
    faces: int = option(300, "faces of each that are measured, at most", min=2)
    size: int = option(224, "pixels of the sides of a crop", min=16)
