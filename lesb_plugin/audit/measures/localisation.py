"""Does a map lie on the changed pixels? Only values that point to fake (above 0) count.

Maps are (H, W) of any scale, masks (H, W) boolean and neither empty nor full. Names and definitions
are those of Quantus, with abs=False and normalise=False.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["concentration", "pointing", "relevance_mass", "relevance_rank"]

Map = NDArray[np.floating]
Mask = NDArray[np.bool_]


def relevance_mass(heat: Map, mask: Mask) -> float:
    """Return share of the map's mass inside of the mask (Kohlbrenner et al., 2020; Arras et al.,
    2022).

    Range [0, 1], higher is better; an even map has the mask's share of the area. 0 for a map that
    nowhere speaks for fake. Quantus: AttributionLocalisation(positive_attributions=True), and for
    maps without negative values RelevanceMassAccuracy.
    """
    positive = np.maximum(heat, 0.0)
    total = float(positive.sum())
    return float(positive[mask].sum()) / total if total > 0 else 0.0


def concentration(heat: Map, mask: Mask) -> float:
    """Return relevance mass over the mask's share of the area: 1 for an even map, higher is better.

    Comparable between masks of different size; at most area of the image / area of the mask.
    """
    return relevance_mass(heat, mask) / float(mask.mean())


def relevance_rank(heat: Map, mask: Mask) -> float:
    """Return share of the mask among its own number of highest pixels (Arras et al., 2022).

    Range [0, 1], higher is better, chance is the mask's share of the area. Pixels that tie at the
    threshold count with the share of them that fits. Without ties Quantus: RelevanceRankAccuracy.
    """
    size = int(mask.sum())
    values = heat.ravel()
    threshold = np.partition(values, values.size - size)[values.size - size]
    above, level = heat > threshold, heat == threshold
    room = (size - int(above.sum())) / int(level.sum())
    return (int((above & mask).sum()) + room * int((level & mask).sum())) / size


def pointing(heat: Map, mask: Mask) -> float:
    """Return the pointing game (Zhang et al., 2018): share of the map's highest pixels inside of
    the mask.

    0 or 1 where one pixel is the highest, and then Quantus: PointingGame; higher is better.
    """
    top = heat == heat.max()
    return float((top & mask).sum() / top.sum())
