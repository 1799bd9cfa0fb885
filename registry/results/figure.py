"""A value with its interval, for tables next to those of metrics."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CountedFigure", "figure_text"]

_TAIL = 0.025  # of a 95 % interval, on either side


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFigure:
    """A value with its 95 % interval; None if there is none. `count` is its sample size."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0

    @staticmethod
    def ends_of_share(found: float, count: int) -> tuple[float, float]:
        """Return the exact 95 % interval (Clopper and Pearson, 1934) of a share, `found` of
        `count` independent samples.

        `found` may be a fraction: where the samples of a person count as one, it is a sum of
        shares.
        """
        from scipy.special import betaincinv  # slow to load, and few figures are shares

        rest = count - found
        low = float(betaincinv(found, rest + 1, _TAIL)) if found > 0 else 0.0
        high = float(betaincinv(found + 1, rest, 1 - _TAIL)) if rest > 0 else 1.0
        return low, high


def figure_text(figure: CountedFigure) -> str:
    """Format a value with its interval, "-" for none."""
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f} {figure.high:.3f}]"
