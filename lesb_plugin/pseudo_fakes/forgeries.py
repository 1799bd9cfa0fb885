"""Families of pseudo-fakes. Each takes a real face and gives a fake, its real and the mask.

A family is a function of (view, scene, rng) alone; a ValueError means that this draw cannot be
made of this face, and another should be.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from lesb_plugin.lfd.regions import interocular_distance
from lesb_plugin.pseudo_fakes.autoencoder import box_matrix, load_autoencoder, redraw
from lesb_plugin.pseudo_fakes.blend import self_blend
from lesb_plugin.pseudo_fakes.blending import blend_alpha, blend_over, blend_poisson
from lesb_plugin.pseudo_fakes.changes import draw_change, interpolate, match_colour, move
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.drawn_masks import (
    box_mask,
    face_mask,
    mouth_mask,
    parts_mask,
    parts_or_jaw_mask,
    pieces_of,
    spread,
)
from lesb_plugin.pseudo_fakes.drift import drift_face
from lesb_plugin.pseudo_fakes.filters import INTERPOLATIONS, mix_bands, unsharp
from lesb_plugin.pseudo_fakes.geometry import (
    apply_map,
    bend_map,
    piecewise_map,
    similarity_map,
)
from lesb_plugin.pseudo_fakes.mask import Mask, support
from lesb_plugin.pseudo_fakes.scene import Blend, Family, Forged, MaskOf, Scene
from lesb_plugin.pseudo_fakes.view import View, resize_view

__all__ = ["FAMILIES", "WHOLE_FACE", "forge"]


def forge(family: str, view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Draw a fake of one family; ValueError if it changes hardly anything."""
    forged = FAMILIES[family](view, scene, rng)
    _check_change(forged, scene.recipe.least_change)
    if rng.random() < scene.recipe.mock:
        mocked = blend_over(interpolate(forged.real, rng), forged.real, forged.mask)
        return Forged(forged.fake, mocked, forged.mask, forged.view)
    return forged


def _check_change(forged: Forged, least: float) -> None:
    """Check the change before the real is processed: a fake equal to its real has the wrong
    label.
    """
    window = support(forged.mask)
    weight = forged.mask[window]
    total = float(weight.sum())
    if total < 16.0:
        raise ValueError("the mask is empty or nearly so")
    change = cv2.absdiff(forged.fake[window], forged.real[window]).astype(np.float32)
    if float((weight.ravel() @ change.reshape(-1, 3)).mean()) / total < least:
        raise ValueError(f"the fake differs from its real by less than {least:g} levels")


# --- families ------------------------------------------------------------------------------------


def _sbi(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Self-blend by its own recipe (configs/blend)."""
    pair = self_blend(view.image, view.landmarks, rng, scene.blend)
    corners = np.array([view.box[0::2], view.box[1::2], (1.0, 1.0)])
    (x0, x1), (y0, y1) = np.sort(pair.matrix @ corners, axis=1).tolist()
    return Forged(
        pair.fake, pair.real, pair.mask, View(pair.real, pair.landmarks, (x0, y0, x1, y1))
    )


def _self(
    view: View, scene: Scene, rng: np.random.Generator, mask_of: MaskOf, blend: Blend
) -> Forged:
    """Blend the face over itself, one of the two sides changed."""
    mask = mask_of(view, scene, rng)
    changed = draw_change(scene.recipe.source, rng)(view.image)
    on_source = rng.random() < scene.recipe.source.on_source
    source, target = (changed, view.image) if on_source else (view.image, changed)
    source, mask = move(source, mask, scene.recipe.source, rng)
    fake, mask = blend(source, target, mask, scene, rng)
    return Forged(fake, target, mask, view)


def _donated(
    view: View, scene: Scene, rng: np.random.Generator, mask_of: MaskOf, blend: Blend
) -> Forged:
    """Put another person's face, or parts of it, in the place of this one's."""
    recipe = scene.recipe.swap
    mask = mask_of(view, scene, rng)
    alike = recipe.alike > 0 and rng.random() < recipe.alike
    source = _donor_on(view, mask, scene, rng, alike=alike)
    fake, mask = blend(source, view.image, mask, scene, rng)
    return Forged(fake, view.image, mask, view)


def _donor_on(
    view: View, mask: Mask, scene: Scene, rng: np.random.Generator, *, alike: bool
) -> Image:
    """Put another person's face over this one, its colours matched within the mask."""
    recipe = scene.recipe.swap
    donor = scene.donor(view, rng, alike)
    if donor.width > 1.5 * view.width:
        donor = resize_view(donor, view.width / donor.width)
    points = min(len(view.landmarks), len(donor.landmarks))
    warp = piecewise_map if rng.random() < recipe.piecewise else similarity_map
    where = warp(view.image.shape[:2], view.landmarks[:points], donor.landmarks[:points])
    source = apply_map(donor.image, where, INTERPOLATIONS[rng.choice((0, 1, 3))])
    if not alike and rng.random() < recipe.changed:
        source = draw_change(scene.recipe.source, rng)(source)
    return match_colour(source, view.image, mask, rng.uniform(*recipe.match))


def _warp(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Change only geometry: a part scaled, shifted and bent, fading smoothly around it."""
    recipe, iod = scene.recipe.warp, interocular_distance(view.landmarks)
    mask = parts_or_jaw_mask(view, scene, rng)
    reach = rng.uniform(*recipe.reach) * iod
    soft = spread(mask, reach)
    weakest, strongest = recipe.strength
    # No draw for a fixed strength: pairs of styles that have none stay what they were.
    power = 0.0 if weakest == strongest else rng.random()
    share, (low, high) = strongest * (weakest / strongest) ** power, recipe.scale
    where = bend_map(
        soft,
        rng,
        grid=recipe.grid,
        bend=share * recipe.bend * iod,
        shift=share * recipe.shift * iod,
        scale=(low**share, high**share),
        pieces=pieces_of(mask, reach) if recipe.apart and rng.random() < recipe.apart else None,
    )
    fake = apply_map(view.image, where, INTERPOLATIONS[rng.choice((0, 1, 3))])
    return Forged(fake, view.image, soft, view)


def _inpaint(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Fill a part in from its surroundings."""
    mask = parts_mask(view, scene, rng)
    window = support(mask, margin=8)
    hard = (mask[window] > 0.3).astype(np.uint8)
    method = cv2.INPAINT_TELEA if rng.random() < 0.5 else cv2.INPAINT_NS
    filled = view.image.copy()
    inside = np.ascontiguousarray(view.image[window])
    filled[window] = cv2.inpaint(inside, hard, 3, method)
    return Forged(blend_over(filled, view.image, mask), view.image, mask, view)


def _drift(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Blend the face, or a part of it, over itself as it lies in another frame."""
    recipe = scene.recipe.drift
    source, moved = drift_face(view.image, view.landmarks, recipe, rng)
    if rng.random() < recipe.changed:
        source = draw_change(scene.recipe.source, rng)(source)
    which = rng.random()
    if which < recipe.face:
        mask = face_mask(view, scene, rng)
    elif which < recipe.face + recipe.mouth:
        mask = mouth_mask(view, moved, rng)
    else:
        mask = parts_mask(view, scene, rng)
    fake, mask = blend_alpha(source, view.image, mask, scene, rng)
    return Forged(fake, view.image, mask, view)


def _bands(view: View, scene: Scene, rng: np.random.Generator, mask_of: MaskOf) -> Forged:
    """Mix coarse bands of one face with fine ones of another, within the mask."""
    recipe = scene.recipe.bands
    if rng.random() < recipe.donor:
        mask = mask_of(view, scene, rng)
        source = _donor_on(view, mask, scene, rng, alike=True)
    else:
        mask = mask_of(view, scene, rng)
        source, mask = move(
            draw_change(scene.recipe.source, rng)(view.image), mask, scene.recipe.source, rng
        )
    sigma = max(0.7, float(np.exp(rng.uniform(*np.log(recipe.sigma)))) * view.width)
    low, high = (source, view.image) if rng.random() < 0.5 else (view.image, source)
    fake, mask = blend_alpha(mix_bands(low, high, sigma), view.image, mask, scene, rng)
    return Forged(fake, view.image, mask, view)


def _redrawn(view: View, scene: Scene, rng: np.random.Generator) -> Forged:
    """Redraw the face, the mouth or the eyes with a small decoder."""
    recipe = scene.recipe.redrawn
    shares = np.array([recipe.face, recipe.mouth, recipe.eyes])
    name = ("face", "mouth", "eyes")[int(rng.choice(3, p=shares / shares.sum()))]
    matrix = box_matrix(view.landmarks, name, rng)
    network = load_autoencoder(recipe.weights)
    source = redraw(network, view.image, matrix, INTERPOLATIONS[rng.choice((0, 1))])
    amount = rng.uniform(*recipe.sharpen)
    source = unsharp(source, amount)
    mask = box_mask(view, name, scene, rng)
    source = match_colour(source, view.image, mask, rng.uniform(*recipe.match))
    fake, mask = blend_alpha(source, view.image, mask, scene, rng)
    return Forged(fake, view.image, mask, view)


FAMILIES: dict[str, Family] = {
    "sbi": _sbi,
    "face_alpha": partial(_self, mask_of=face_mask, blend=blend_alpha),
    "face_poisson": partial(_self, mask_of=face_mask, blend=blend_poisson),
    "part_alpha": partial(_self, mask_of=parts_mask, blend=blend_alpha),
    "part_poisson": partial(_self, mask_of=parts_mask, blend=blend_poisson),
    "swap_alpha": partial(_donated, mask_of=face_mask, blend=blend_alpha),
    "swap_poisson": partial(_donated, mask_of=face_mask, blend=blend_poisson),
    "transplant_alpha": partial(_donated, mask_of=parts_mask, blend=blend_alpha),
    "transplant_poisson": partial(_donated, mask_of=parts_mask, blend=blend_poisson),
    "warp": _warp,
    "drift": _drift,
    "bands_face": partial(_bands, mask_of=face_mask),
    "bands_part": partial(_bands, mask_of=parts_mask),
    "redrawn": _redrawn,
    "inpaint": _inpaint,
}

WHOLE_FACE = frozenset(
    {"sbi", "face_alpha", "face_poisson", "swap_alpha", "swap_poisson", "bands_face"}
)
"""Families that change a face as a whole, however much of its parts the mask's soft edge covers."""
