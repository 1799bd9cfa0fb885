"""A row with one value per face: its mean, next to that of controls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.measures.controls import OWN
from lesb_plugin.audit.measures.intervals import Draws, Figure
from lesb_plugin.audit.measures.naming import mean
from lesb_plugin.audit.rows.row import Aim, Row

__all__ = ["mean_row", "unmeasured"]

Array = NDArray[np.float64]


def mean_row(
    key: str,
    title: str,
    aim: Aim,
    values: Mapping[str, Array],
    draws: Draws,
    *,
    higher: bool = True,
) -> Row:
    """Return the mean of the values (n,) of `OWN`, NaN where a face has none; other names are
    controls.
    """
    figures = {who: _figure(column, draws) for who, column in values.items()}
    there = ~np.isnan(values[OWN])
    return Row(
        key=key,
        title=title,
        n=int(there.sum()),
        figure=figures.pop(OWN),
        aim=aim,
        higher_is_better=higher,
        controls=figures,
        people=draws.people(there),
    )


def unmeasured(key: str, title: str, reason: str) -> Row:
    """Return a row without a figure, with the reason."""
    return Row(key=key, title=title, n=0, figure=Figure(reason=reason), aim=Aim())


def _figure(values: Array, draws: Draws) -> Figure:
    return draws.figure(lambda weights: mean(values, weights))
