"""A value with its interval, for tables next to those of metrics."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CountedFigure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFigure:
    """A value with its 95 % interval; None if there is none. `count` is its sample size."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0
