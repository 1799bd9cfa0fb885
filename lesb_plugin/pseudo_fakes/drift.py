"""A face that talks: landmarks moved as expressions move them, and the image warped along.

Forged videos drift from the face that they show: from frame to frame a part lies where it was not,
and is blended in there (Facial Feature Drift; Yan et al., CVPR 2025).
"""

from __future__ import annotations

import numpy as np

from lesb_plugin.lfd.regions import interocular_distance
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.filters import INTERPOLATIONS
from lesb_plugin.pseudo_fakes.geometry import apply_map, piecewise_map
from lesb_plugin.pseudo_fakes.mask import Points
from lesb_plugin.pseudo_fakes.recipe import Drift

__all__ = ["drift_face", "move_landmarks"]

_MOUTH, _LOWER_LIP = list(range(48, 68)), [55, 56, 57, 58, 59, 65, 66, 67]
_CHIN, _NOSE = list(range(5, 12)), list(range(27, 36))
_EYES = (list(range(36, 42)), list(range(42, 48)))
_BROWS = (list(range(17, 22)), list(range(22, 27)))


def move_landmarks(points: Points, strength: float, rng: np.random.Generator) -> Points:
    """Return landmarks (68 | 81, 2) after an expression; `strength` 1 is a wide open mouth, 0 no
    move.

    Mouth: opened with the chin, widened, shifted; brows raised; eyes narrowed; nose shifted; and
    every point by itself a little. Lengths are shares of the inter-ocular distance.
    """
    iod = interocular_distance(points)
    moved = points.astype(np.float64)
    down, across = _axes(points)
    unit = strength * iod
    _stretch(moved, _MOUTH, across, float(np.exp(strength * rng.normal(0.0, 0.15))))
    _stretch(moved, _MOUTH, down, float(np.exp(strength * rng.normal(0.0, 0.15))))
    moved[_MOUTH] += unit * (rng.normal(0.0, 0.04) * across + rng.normal(0.0, 0.03) * down)
    opened = unit * rng.normal(0.02, 0.08)
    moved[_LOWER_LIP] += opened * down
    moved[_CHIN] += 0.5 * opened * down
    raised, narrowed = rng.normal(0.0, 0.04), float(np.exp(strength * rng.normal(0.0, 0.2)))
    for brow, eye in zip(_BROWS, _EYES, strict=True):
        moved[brow] += unit * (raised + rng.normal(0.0, 0.015)) * down
        _stretch(moved, eye, down, narrowed)
    moved[_NOSE] += unit * rng.normal(0.0, 0.015, 2)
    moved += 0.01 * unit * rng.normal(size=moved.shape)
    return moved.astype(np.float32)


def drift_face(
    image: Image, points: Points, recipe: Drift, rng: np.random.Generator
) -> tuple[Image, Points]:
    """Return the image with its face moved, triangle by triangle, and where its landmarks lie
    now.
    """
    low, high = np.log(recipe.strength)
    moved = move_landmarks(points, float(np.exp(rng.uniform(low, high))), rng)
    where = piecewise_map(image.shape[:2], moved, points)
    return apply_map(image, where, INTERPOLATIONS[rng.choice((0, 1, 3))]), moved


def _axes(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors down and across the face."""
    across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    across = across / np.hypot(*across)
    return np.array([-across[1], across[0]]), across


def _stretch(points: np.ndarray, chosen: list[int], axis: np.ndarray, factor: float) -> None:
    """Scale chosen points along an axis about their centre, in place."""
    part = points[chosen]
    along = (part - part.mean(axis=0)) @ axis
    points[chosen] = part + (factor - 1.0) * along[:, None] * axis
