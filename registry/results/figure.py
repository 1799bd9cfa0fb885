"""A value with its interval, for tables next to those of metrics."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CountedFigure", "figure_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFigure:
    """A value with its 95 % interval; None if there is none. `count` is its sample size."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0


def figure_text(figure: CountedFigure) -> str:
    """Format a value with its interval, "-" for none."""
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f} {figure.high:.3f}]"
