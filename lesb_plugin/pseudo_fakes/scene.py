"""Inputs and outputs of the families of pseudo-fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.pseudo_fakes.blend import Style
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.mask import Mask
from lesb_plugin.pseudo_fakes.recipe import Recipe
from lesb_plugin.pseudo_fakes.view import View

__all__ = ["Blend", "Family", "Forged", "MaskOf", "Scene"]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What families draw from; `donor(view, rng, alike)` gives a face of another person.

    If `alike`, it is of the same data set and was made smaller by as much as the view.
    """

    recipe: Recipe
    blend: Style
    regions: RegionSet
    donor: Callable[[View, np.random.Generator, bool], View]


@dataclass(frozen=True, slots=True, eq=False)
class Forged:
    """A fake and its real, uint8 (H, W, 3), the mask (H, W) in [0, 1], and the face in them."""

    fake: Image
    real: Image
    mask: Mask
    view: View


MaskOf = Callable[[View, Scene, np.random.Generator], Mask]
Blend = Callable[[Image, Image, Mask, Scene, np.random.Generator], tuple[Image, Mask]]
Family = Callable[[View, Scene, np.random.Generator], Forged]
