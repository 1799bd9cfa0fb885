"""Rectangles that hide a piece of a crop (Cutout, DeVries & Taylor, 2017).

A network that has seen each of a thousand faces often enough memorises them untouched, and so
detects fakes of them but of nobody else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.recipe import Cutout

__all__ = ["draw_cutout"]

Window = tuple[slice, slice]
_ASPECT = 3.0  # longest side over shortest, at most


def draw_cutout(
    recipe: Cutout, mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Window, NDArray[np.uint8]] | None:
    """Draw the hidden rectangle of a crop and its colour (3,); None if nothing is hidden.

    `mask` (S, S) is what was changed. A rectangle that would leave less than `recipe.visible` of
    it is dropped: the fake would not show.
    """
    happens, (share, ratio) = rng.random() < recipe.p, rng.random(2)
    corner, colour = rng.random(2), rng.integers(0, 256, 3, np.uint8)
    if not happens:
        return None
    area = recipe.share[0] + share * (recipe.share[1] - recipe.share[0])
    stretch = _ASPECT ** (ratio - 0.5)  # of the height; the width makes up for it
    sides = np.minimum(1.0, np.sqrt(area) * np.array([stretch, 1.0 / stretch]))
    size = np.rint(sides * mask.shape).astype(int)
    top, left = np.rint(corner * (mask.shape - size)).astype(int).tolist()
    window = slice(top, top + int(size[0])), slice(left, left + int(size[1]))
    total = int(mask.sum(dtype=np.int64))
    hidden = int(mask[window].sum(dtype=np.int64))
    return (window, colour) if total - hidden >= recipe.visible * total else None
