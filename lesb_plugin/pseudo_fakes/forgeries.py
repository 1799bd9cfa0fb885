"""Families of pseudo-fakes. Each takes a real face and gives a fake, its real and the mask.

A family is a function of (view, scene, rng) alone; a ValueError means that this draw cannot be
made of this face, and another should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.regions import RegionSet, interocular_distance, part_mask
from lesb_plugin.pseudo_fakes.blend import Style, self_blend
from lesb_plugin.pseudo_fakes.changes import draw_change, interpolate, match_colour, move
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.filters import INTERPOLATIONS
from lesb_plugin.pseudo_fakes.geometry import (
    apply_map,
    bend_map,
    piecewise_map,
    similarity_map,
)
from lesb_plugin.pseudo_fakes.law import Law
from lesb_plugin.pseudo_fakes.mask import Mask, face_hull, soften, support, warp_mask
from lesb_plugin.pseudo_fakes.view import View, resize_view

__all__ = ["FAMILIES", "WHOLE_FACE", "Forged", "Scene", "clone", "forge"]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What families draw from; `donor(view, rng, alike)` gives a face of somebody else.

    If `alike`, it is of the same data set and was made smaller by as much as the view.
    """

    law: Law
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


def forge(family: str, view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """One draw of a family; ValueError where it changes next to nothing."""
    made = FAMILIES[family](view, scene, rng)
    _check_change(made, scene.law.least_change)
    if rng.random() < scene.law.mock:
        mocked = _over(interpolate(made.real, rng), made.real, made.mask)
        return Forged(made.fake, mocked, made.mask, made.view)
    return made


# --- masks ---------------------------------------------------------------------------------------


def _face_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """A soft hull of the face; its outline bends by about a hundredth of the face's width."""
    law = scene.law
    points = view.landmarks[:68] if rng.random() < 0.25 else view.landmarks
    hull = face_hull(view.image.shape[:2], points, law.hulls[rng.integers(len(law.hulls))])
    sigma = max(1.5, 0.03 * view.width)
    amplitude = rng.uniform(0.002, 0.012) * view.width * np.sqrt(12.0 * np.pi) * sigma
    bent = warp_mask(hull, rng, amplitude=float(amplitude), sigma=sigma)
    return soften(bent, rng, grid=(192, 256), kernel=law.kernel)


def _part_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """The union of a random choice of parts; single ones are as likely as several."""
    parts = scene.regions.parts
    count = 1 if rng.random() < 0.5 else int(rng.integers(1, len(parts) + 1))
    shape = view.image.shape[:2]
    masks = [
        part_mask(view.landmarks, parts[at], shape, scene.regions.jitter, rng)
        for at in rng.choice(len(parts), count, replace=False)
    ]
    return np.asarray(np.maximum.reduce(masks), np.float32)


def _either_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """Parts, or the lower face."""
    if rng.random() >= scene.law.warp.jaw:
        return _part_mask(view, scene, rng)
    return face_hull(view.image.shape[:2], view.landmarks[2:15], "full")


# --- blends --------------------------------------------------------------------------------------


def _alpha(
    source: Image, target: Image, mask: Mask, scene: Scene, rng: np.random.Generator
) -> tuple[Image, Mask]:
    mask = mask * np.float32(rng.choice(scene.law.ratios))
    return _over(source, target, mask), mask


def _poisson(
    source: Image, target: Image, mask: Mask, _scene: Scene, _rng: np.random.Generator
) -> tuple[Image, Mask]:
    """The source's gradients inside the target's border (Perez et al., 2003)."""
    hard = (mask > 0.5).astype(np.uint8)
    cloned = clone(source, target, hard)
    # The solver rounds its whole rectangle anew: kept, that box would mark every fake of this kind.
    fake = np.where(hard[..., None] > 0, cloned, target)
    return np.asarray(fake, np.uint8), hard.astype(np.float32)


def clone(source: Image, target: Image, hard: NDArray[np.uint8]) -> Image:
    """The source's gradients where `hard` (H, W) is 1, which keeps off the border from then on.

    ValueError where next to nothing is left of it.
    """
    hard[:2] = hard[-2:] = hard[:, :2] = hard[:, -2:] = 0
    x, y, width, height = cv2.boundingRect(hard)
    if min(width, height) < 4:
        raise ValueError("the mask is too small to be cloned into")
    centre = (x + width // 2, y + height // 2)
    cloned = cv2.seamlessClone(source, target, hard * 255, centre, cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.uint8)


def _over(source: Image, target: Image, mask: Mask) -> Image:
    """Opaque by `mask`, rounded; the exact target where it is 0."""
    window = support(mask)
    base = target[window].astype(np.float32)
    base += mask[window][..., None] * (source[window] - base)
    mixed = target.copy()
    mixed[window] = np.rint(base, out=base)
    return mixed


def _check_change(made: Forged, least: float) -> None:
    """Before anything is done to the real alone: a fake equal to its real has the wrong label."""
    window = support(made.mask)
    weight = made.mask[window]
    total = float(weight.sum())
    if total < 16.0:
        raise ValueError("the mask is empty or nearly so")
    change = cv2.absdiff(made.fake[window], made.real[window]).astype(np.float32).mean(axis=2)
    if float((change * weight).sum()) / total < least:
        raise ValueError(f"the fake differs from its real by less than {least:g} levels")


# --- families ------------------------------------------------------------------------------------


def _sbi(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Self-blending by its own law (configs/blend)."""
    pair = self_blend(view.image, view.landmarks, rng, scene.blend)
    corners = np.array([view.box[0::2], view.box[1::2], (1.0, 1.0)])
    (x0, x1), (y0, y1) = np.sort(pair.matrix @ corners, axis=1).tolist()
    return Forged(
        pair.fake, pair.real, pair.mask, View(pair.real, pair.landmarks, (x0, y0, x1, y1))
    )


def _self(
    view: View, scene: Scene, rng: np.random.Generator, mask_of: MaskOf, blend: Blend
) -> Forged:
    """The face over itself, one of the two sides changed."""
    mask = mask_of(view, scene, rng)
    changed = draw_change(scene.law.source, rng)(view.image)
    on_source = rng.random() < scene.law.source.on_source
    source, target = (changed, view.image) if on_source else (view.image, changed)
    source, mask = move(source, mask, scene.law.source, rng)
    fake, mask = blend(source, target, mask, scene, rng)
    return Forged(fake, target, mask, view)


def _donated(
    view: View, scene: Scene, rng: np.random.Generator, mask_of: MaskOf, blend: Blend
) -> Forged:
    """Another person's face, or parts of it, in the place of this one's."""
    law = scene.law.swap
    mask = mask_of(view, scene, rng)
    alike = law.alike > 0 and rng.random() < law.alike
    donor = scene.donor(view, rng, alike)
    if donor.width > 1.5 * view.width:
        donor = resize_view(donor, view.width / donor.width)
    points = min(len(view.landmarks), len(donor.landmarks))
    warp = piecewise_map if rng.random() < law.piecewise else similarity_map
    where = warp(view.image.shape[:2], view.landmarks[:points], donor.landmarks[:points])
    source = apply_map(donor.image, where, INTERPOLATIONS[rng.choice((0, 1, 3))])
    if not alike and rng.random() < law.changed:
        source = draw_change(scene.law.source, rng)(source)
    source = match_colour(source, view.image, mask, rng.uniform(*law.match))
    fake, mask = blend(source, view.image, mask, scene, rng)
    return Forged(fake, view.image, mask, view)


def _warp(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Nothing but geometry: a part scaled, shifted and bent, smoothly to nothing around it."""
    law, iod = scene.law.warp, interocular_distance(view.landmarks)
    mask = _either_mask(view, scene, rng)
    reach = rng.uniform(*law.reach) * iod
    soft = _spread(mask, reach)
    weakest, strongest = law.strength
    # No draw for a fixed strength: pairs of styles that have none stay what they were.
    power = 0.0 if weakest == strongest else rng.random()
    share, (low, high) = strongest * (weakest / strongest) ** power, law.scale
    where = bend_map(
        soft,
        rng,
        grid=law.grid,
        bend=share * law.bend * iod,
        shift=share * law.shift * iod,
        scale=(low**share, high**share),
        pieces=_pieces(mask, reach) if law.apart and rng.random() < law.apart else None,
    )
    fake = apply_map(view.image, where, INTERPOLATIONS[rng.choice((0, 1, 3))])
    return Forged(fake, view.image, soft, view)


def _spread(mask: Mask, reach: float) -> Mask:
    """A mask smoothed by a Gaussian of that sigma, of peak 1, and 0 where it would be next to 0."""
    soft = cv2.GaussianBlur(mask, (0, 0), reach)
    return np.where(soft > 0.01 * soft.max(), soft / soft.max(), 0).astype(np.float32)


def _pieces(mask: Mask, reach: float) -> list[Mask]:
    """What of a mask does not hang together, each smoothed by itself; together at most 1.

    Thin bridges between two eyes are cut, and go to the nearer one.
    """
    cores = (mask > 0.7).astype(np.uint8)
    count, core_of = cv2.connectedComponents(cores)
    nearest = cv2.distanceTransformWithLabels(
        1 - cores, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )[1]
    owner = np.zeros(nearest.max() + 1, np.int64)
    owner[nearest[cores > 0]] = core_of[cores > 0]
    pieces = [_spread(np.where(owner[nearest] == at, mask, 0), reach) for at in range(1, count)]
    most = np.maximum(np.sum(pieces, axis=0), 1.0)
    return [np.asarray(piece / most, np.float32) for piece in pieces]


def _inpaint(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """A part filled in from its surroundings."""
    mask = _part_mask(view, scene, rng)
    window = support(mask, margin=8)
    hard = (mask[window] > 0.3).astype(np.uint8)
    method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
    filled = view.image.copy()
    inside = np.ascontiguousarray(view.image[window])
    filled[window] = cv2.inpaint(inside, hard, 3, method)
    return Forged(_over(filled, view.image, mask), view.image, mask, view)


FAMILIES: dict[str, Family] = {
    "sbi": _sbi,
    "face_alpha": partial(_self, mask_of=_face_mask, blend=_alpha),
    "face_poisson": partial(_self, mask_of=_face_mask, blend=_poisson),
    "part_alpha": partial(_self, mask_of=_part_mask, blend=_alpha),
    "part_poisson": partial(_self, mask_of=_part_mask, blend=_poisson),
    "swap_alpha": partial(_donated, mask_of=_face_mask, blend=_alpha),
    "swap_poisson": partial(_donated, mask_of=_face_mask, blend=_poisson),
    "transplant_alpha": partial(_donated, mask_of=_part_mask, blend=_alpha),
    "transplant_poisson": partial(_donated, mask_of=_part_mask, blend=_poisson),
    "warp": _warp,
    "inpaint": _inpaint,
}

WHOLE_FACE = frozenset({"sbi", "face_alpha", "face_poisson", "swap_alpha", "swap_poisson"})
"""Families that change a face as a whole, however much of its parts the mask's soft edge covers."""
