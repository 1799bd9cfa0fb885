"""Options of the detector; imported by `bench eval --help`, so nothing heavy here either."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DistanceOptions"]


@dataclass(frozen=True, kw_only=True)
class DistanceOptions:
    """Flags that `bench eval --detector sample_distance` has beside its own."""

    half: float = field(
        default=2.0,
        metadata={"help": "distance, in standard deviations, that is scored .5", "min": 0.01},
    )
