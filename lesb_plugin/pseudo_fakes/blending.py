"""Blend a source into a target within a mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.mask import Mask, support
from lesb_plugin.pseudo_fakes.scene import Scene

__all__ = ["blend_alpha", "blend_over", "blend_poisson", "clone"]


def blend_alpha(
    source: Image, target: Image, mask: Mask, scene: Scene, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Mix the source in, opaque by the mask times one of the scene's ratios."""
    mask = mask * np.float32(rng.choice(scene.recipe.ratios))
    return blend_over(source, target, mask), mask


def blend_poisson(
    source: Image, target: Image, mask: Mask, _scene: Scene, _rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Blend the source's gradients into the target's border (Perez et al., 2003)."""
    hard = (mask > 0.5).astype(np.uint8)
    cloned = clone(source, target, hard)
    # The solver rounds its whole rectangle: left so, that box would mark every fake of this kind.
    fake = np.where(hard[..., None] > 0, cloned, target)
    return np.asarray(fake, np.uint8), hard.astype(np.float32)


def clone(source: Image, target: Image, hard: NDArray[np.uint8]) -> Image:
    """Clone the source's gradients where `hard` (H, W) is 1, which keeps off the border
    afterwards.

    ValueError if hardly anything is left of it.
    """
    hard[:2] = hard[-2:] = hard[:, :2] = hard[:, -2:] = 0
    x, y, width, height = cv2.boundingRect(hard)
    if min(width, height) < 4:
        raise ValueError("the mask is too small to be cloned into")
    centre = (x + width // 2, y + height // 2)
    cloned = cv2.seamlessClone(source, target, hard * 255, centre, cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.uint8)


def blend_over(source: Image, target: Image, mask: Mask) -> Image:
    """Lay one image over another, opaque by `mask`, rounded; the exact target where it is 0."""
    window = support(mask)
    base = target[window].astype(np.float32)
    base += mask[window][..., None] * (source[window] - base)
    mixed = target.copy()
    mixed[window] = np.rint(base, out=base)
    return mixed
