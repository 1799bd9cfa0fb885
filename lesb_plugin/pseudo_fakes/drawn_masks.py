"""Draw masks of pseudo-fakes: of the face, of its parts, of regions that a decoder redraws."""

from __future__ import annotations

import cv2
import numpy as np

from lesb_plugin.lfd.regions import interocular_distance, part_mask
from lesb_plugin.pseudo_fakes.mask import Mask, Points, face_hull, soften, warp_mask
from lesb_plugin.pseudo_fakes.scene import Scene
from lesb_plugin.pseudo_fakes.view import View

__all__ = [
    "box_mask",
    "face_mask",
    "mouth_mask",
    "parts_mask",
    "parts_or_jaw_mask",
    "pieces_of",
    "spread",
]


def face_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """Return a soft hull of the face; its outline bends by about a hundredth of the face's
    width.
    """
    recipe = scene.recipe
    points = view.landmarks[:68] if rng.random() < 0.25 else view.landmarks
    hull = face_hull(view.image.shape[:2], points, recipe.hulls[rng.integers(len(recipe.hulls))])
    sigma = max(1.5, 0.03 * view.width)
    amplitude = rng.uniform(0.002, 0.012) * view.width * np.sqrt(12.0 * np.pi) * sigma
    bent = warp_mask(hull, rng, amplitude=float(amplitude), sigma=sigma)
    return soften(bent, rng, grid=(192, 256), kernel=recipe.kernel)


def parts_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """Return the union of a random choice of parts; single ones are as likely as several."""
    parts = scene.regions.parts
    count = 1 if rng.random() < 0.5 else int(rng.integers(1, len(parts) + 1))
    shape = view.image.shape[:2]
    masks = [
        part_mask(view.landmarks, parts[at], shape, scene.regions.jitter, rng)
        for at in rng.choice(len(parts), count, replace=False)
    ]
    return np.asarray(np.maximum.reduce(masks), np.float32)


def parts_or_jaw_mask(view: View, scene: Scene, rng: np.random.Generator) -> Mask:
    """Draw parts, or the lower face."""
    if rng.random() >= scene.recipe.warp.jaw:
        return parts_mask(view, scene, rng)
    return face_hull(view.image.shape[:2], view.landmarks[2:15], "full")


def mouth_mask(view: View, moved: Points, rng: np.random.Generator) -> Mask:
    """Draw a mask around the mouth in both of its positions."""
    points = np.concatenate([view.landmarks[48:60], moved[48:60]])
    hull = face_hull(view.image.shape[:2], points.astype(np.float32), "full")
    iod = interocular_distance(view.landmarks)
    size = 2 * int(rng.uniform(0.03, 0.2) * iod) + 1
    grown = cv2.dilate(hull, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return spread(np.asarray(grown, np.float32), max(0.6, rng.uniform(0.01, 0.1) * iod))


def box_mask(view: View, name: str, scene: Scene, rng: np.random.Generator) -> Mask:
    """Draw the mask of one of the autoencoder's boxes: face, mouth or eyes."""
    if name == "face":
        return face_mask(view, scene, rng)
    if name == "mouth":
        return mouth_mask(view, view.landmarks, rng)
    regions = scene.regions
    eyes = [part for part in regions.parts if part.name == "eyes"]
    part = eyes[0] if eyes else regions.parts[int(rng.integers(len(regions.parts)))]
    shape = view.image.shape[:2]
    return np.asarray(part_mask(view.landmarks, part, shape, regions.jitter, rng), np.float32)


def spread(mask: Mask, reach: float) -> Mask:
    """Smooth a mask by a Gaussian of that sigma, to a peak of 1, and 0 where it is almost 0."""
    soft = cv2.GaussianBlur(mask, (0, 0), reach)
    return np.where(soft > 0.01 * soft.max(), soft / soft.max(), 0).astype(np.float32)


def pieces_of(mask: Mask, reach: float) -> list[Mask]:
    """Return the connected pieces of a mask, each smoothed separately; together at most 1.

    Thin bridges between two eyes are cut, and go to the nearer one.
    """
    cores = (mask > 0.7).astype(np.uint8)
    count, core_of = cv2.connectedComponents(cores)
    nearest = cv2.distanceTransformWithLabels(
        1 - cores, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )[1]
    owner = np.zeros(nearest.max() + 1, np.int64)
    owner[nearest[cores > 0]] = core_of[cores > 0]
    pieces = [spread(np.where(owner[nearest] == at, mask, 0), reach) for at in range(1, count)]
    most = np.maximum(np.sum(pieces, axis=0), 1.0)
    return [np.asarray(piece / most, np.float32) for piece in pieces]
