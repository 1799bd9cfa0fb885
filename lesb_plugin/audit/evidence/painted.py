"""Part scores painted as a map, for measures of maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["painted"]


def painted(masks: NDArray[np.bool_], z: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (S, S): scores (K,) inside masks (K, S, S), the greater one where two overlap.

    Pixels outside all parts lie one standard deviation below the lowest part, and never above 0,
    the value of real faces: without a score they must not point to fake.
    """
    outside = min(float(z.min()) - 1.0, 0.0)
    return np.asarray(np.where(masks, z[:, None, None], outside).max(axis=0), np.float32)
