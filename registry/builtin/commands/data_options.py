"""What `bench data check` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from registry.settings.shared import DataSettings, FrameSettings, WorkerSettings, option

__all__ = ["CheckConfig"]


@dataclass(frozen=True, kw_only=True)
class CheckConfig(WorkerSettings, FrameSettings, DataSettings):
    """The flags of `bench eval` that say which data is read, and how much of it."""

    folder: ClassVar[str] = "eval"

    split: str = option("test", "split of the data to score")
    max_pixels: int = option(
        100_000_000, "refuse images and videos with more pixels than this", min=1
    )
