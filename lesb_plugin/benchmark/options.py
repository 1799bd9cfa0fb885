"""What `bench benchmark` does: every field is a flag, a YAML key and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry import ComputeSettings, option

__all__ = ["BenchmarkConfig"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(ComputeSettings):
    """One table of ratios; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "benchmark"

    detector: str = option("lesb", "detector to run (`bench list detectors`)")
    backbone: str = option("sbi_efflite0", "backbone to use (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    dataset: tuple[str, ...] = option(("toy",), "data to score: a path, a name, or kind:NAME")
    split: str = option("test", "split of that data")
    frames: int = option(64, "frames that are scored", min=4)
    growth: int = option(16, "frames that are scored first, then 4 and 16 times as many", min=4)
    rounds: int = option(5, "how often each way is timed; medians are printed", min=1)
    batch_size: int = option(16, "face crops per forward pass", min=1)
    workers: int = option(2, "number of workers that read and crop frames", min=0)
    clock: Literal["wall", "cpu"] = option(
        "wall",
        "what is timed; cpu: the seconds of processor cores, for a machine that is busy with other"
        " things",
    )
    quiet: bool = option(False, "show no progress bars")
