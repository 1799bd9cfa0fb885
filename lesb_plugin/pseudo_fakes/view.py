"""A real face with the pixels that are worked on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lesb_plugin.lfd.regions import interocular_distance
from lesb_plugin.pseudo_fakes.blend import mirror
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.geometry import apply_map, reshape_map, where_to
from lesb_plugin.pseudo_fakes.mask import Points
from lesb_plugin.pseudo_fakes.recipe import Placement

__all__ = ["Box", "View", "place", "resize_view"]

Box = tuple[float, float, float, float]

_AROUND = 0.35  # of the face box, kept on each side: room for crops and for filters


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """uint8 RGB (H, W, 3), and in its pixels landmarks (68 | 81, 2) and box (x0, y0, x1, y1)."""

    image: Image
    landmarks: Points
    box: Box

    @property
    def width(self) -> float:
        """Return the width of the face box."""
        return self.box[2] - self.box[0]


def place(face: View, recipe: Placement, rng: np.random.Generator) -> View:
    """Cut out, mirror, shrink, rotate and bend the face by one draw of `recipe`."""
    mirrored, turned = rng.random(2) < (recipe.flip, recipe.rotation_p)
    width, angle = _draw_width(recipe, rng), rng.uniform(-recipe.rotation, recipe.rotation)
    cubic = rng.random() < 0.5
    view = face if recipe.width is None else _cut(face)
    if mirrored:
        view = _mirrored(view)
    if width is not None and width < view.width:
        view = resize_view(view, width / view.width)
    if turned:
        view = _turned(view, angle, cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR)
    if recipe.bend_p > 0 and rng.random() < recipe.bend_p:
        view = _bent(view, recipe, rng)
    return view


def resize_view(view: View, factor: float) -> View:
    """Resize all of it by `factor`; averages over areas, so meant for factors below 1."""
    height, width = view.image.shape[:2]
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    ratio = np.array(size) / (width, height)
    image = cv2.resize(view.image, size, interpolation=cv2.INTER_AREA)
    landmarks = ((view.landmarks + 0.5) * ratio - 0.5).astype(np.float32)
    x0, y0, x1, y1 = (np.reshape(view.box, (2, 2)) * ratio).ravel().tolist()
    return View(np.asarray(image, np.uint8), landmarks, (x0, y0, x1, y1))


def _draw_width(recipe: Placement, rng: np.random.Generator) -> float | None:
    if recipe.width is None or rng.random() >= recipe.width_p:
        return None
    return float(np.exp(rng.uniform(*np.log(recipe.width))))


def _cut(view: View) -> View:
    """Cut away what no crop can need."""
    x0, y0, x1, y1 = view.box
    dx, dy = _AROUND * (x1 - x0), _AROUND * (y1 - y0)
    low = np.minimum(view.landmarks.min(axis=0), (x0 - dx, y0 - dy))
    high = np.maximum(view.landmarks.max(axis=0), (x1 + dx, y1 + dy))
    height, width = view.image.shape[:2]
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = (int(value) + 1 for value in np.minimum(high, (width - 1, height - 1)))
    return View(
        view.image[top:bottom, left:right],
        view.landmarks - np.array([left, top], np.float32),
        (x0 - left, y0 - top, x1 - left, y1 - top),
    )


def _mirrored(view: View) -> View:
    width = view.image.shape[1]
    x0, y0, x1, y1 = view.box
    flipped = np.asarray(cv2.flip(view.image, 1), np.uint8)
    return View(flipped, mirror(view.landmarks, width), (width - x1, y0, width - x0, y1))


def _turned(view: View, angle: float, interpolation: int) -> View:
    """Rotate by `angle` degrees about the centre of the face box, which keeps its size."""
    x0, y0, x1, y1 = view.box
    matrix = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), angle, 1.0)
    height, width = view.image.shape[:2]
    image = cv2.warpAffine(
        view.image, matrix, (width, height), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101
    )
    landmarks = view.landmarks @ matrix[:, :2].T + matrix[:, 2]
    return View(np.asarray(image, np.uint8), landmarks.astype(np.float32), view.box)


def _bent(view: View, recipe: Placement, rng: np.random.Generator) -> View:
    """Reshape the face into another person's, so that a small data set is not memorised."""
    iod = interocular_distance(view.landmarks)
    stretch = float(rng.uniform(-recipe.stretch, recipe.stretch))
    where = reshape_map(view.image.shape[:2], rng, bend=recipe.bend * iod, stretch=stretch)
    landmarks = where_to(where, view.landmarks)
    return View(apply_map(view.image, where, cv2.INTER_CUBIC), landmarks, view.box)
