"""Scores as log-odds. Nothing here needs the host."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "log_odds"]

Array: TypeAlias = NDArray[np.float64]

_EDGE = 1e-6  # scores are clipped to [_EDGE, 1 - _EDGE] before their log-odds are taken


def log_odds(scores: Array) -> Array:
    """Return log(p / (1 - p)) of scores in [0, 1], bounded."""
    clipped = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
