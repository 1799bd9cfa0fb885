"""The numbers of a row as text, with as many decimals as show what its verdict rests on."""

from __future__ import annotations

from dataclasses import replace

from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.row import Row

__all__ = ["digits_of", "interval_text", "number"]

_USUAL, _MOST = 3, 6


def digits_of(row: Row) -> int:
    """Return how many decimals a row needs: three, or more where rounding to three would hide which
    side of its aim or of a control it is on: 1.0504 is not <= 1.05.
    """
    for digits in range(_USUAL, _MOST + 1):
        if _verdict(_rounded(row, digits)) == _verdict(row):
            return digits
    return _USUAL


def number(value: float | None, digits: int = _USUAL) -> str:
    """Format a number as tables show it."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval_text(figure: Figure, digits: int = _USUAL) -> str:
    """Format an interval: `0.210 to 0.350`, or a dash."""
    if figure.low is None or figure.high is None:
        return "-"
    return f"{number(figure.low, digits)} to {number(figure.high, digits)}"


def _verdict(row: Row) -> tuple[bool | None, frozenset[str]]:
    return row.reached, frozenset(row.as_good)


def _rounded(row: Row, digits: int) -> Row:
    controls = {name: _round(figure, digits) for name, figure in row.controls.items()}
    return replace(row, figure=_round(row.figure, digits), controls=controls)


def _round(figure: Figure, digits: int) -> Figure:
    def to(value: float | None) -> float | None:
        return None if value is None else round(value, digits)

    return Figure(to(figure.value), to(figure.low), to(figure.high), figure.reason)
