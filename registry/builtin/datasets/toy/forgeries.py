"""Forgeries of drawn faces, each with the pixels it changed. Images are uint8 RGB (256, 256, 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from registry.builtin.datasets.toy.render import SIZE, coverage
from registry.builtin.datasets.toy.warp import spline_map, warp
from registry.faces.aligned_crop import similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]

__all__ = ["METHODS", "Forgery", "Shot", "forge"]

_OUTLINES: dict[str, tuple[tuple[int, ...], ...]] = {
    "eyes": ((*range(17, 22), *range(36, 42)), (*range(22, 27), *range(42, 48))),
    "nose": (tuple(range(27, 36)),),
    "mouth": (tuple(range(48, 60)),),
    "face": ((*range(2, 15), *range(17, 27)),),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph: image, and the face's landmarks (81, 2)."""

    image: NDArray[np.uint8]
    landmarks: Points


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forged image before its compression, the part that was changed, and where (0 or 255).

    Outside of the mask, the image is the target's.
    """

    image: Image
    region: str
    mask: NDArray[np.uint8]


def forge(method: str, target: Shot, donor: Shot, rng: np.random.Generator) -> Forgery:
    """Return a forgery of `target`; `donor` is another person, where the method takes one."""
    return _METHODS[method](target, donor, rng)


def _transplant(region: str, size: float) -> Callable[[Shot, Shot, np.random.Generator], Forgery]:
    """Move a part, or the inner face, of the donor to its place, half matched in colour."""

    def method(target: Shot, donor: Shot, rng: np.random.Generator) -> Forgery:
        used = sorted({index for outline in _OUTLINES[region] for index in outline})
        moved = _fit_face(donor, target) if region == "face" else _align(donor, target, used)
        alpha = _soft_mask(target.landmarks, region, size, rng)
        return _blend(target, _match(moved, target.image, alpha, rng), alpha, region)

    return method


def _self_blend(target: Shot, _donor: Shot, rng: np.random.Generator) -> Forgery:
    """Blend the inner face over itself: other tones, other sharpness, shifted by a pixel or two."""
    scale, turn = rng.uniform(0.98, 1.02), rng.uniform(-0.015, 0.015)
    middle = target.landmarks.mean(axis=0)
    linear = scale * np.array([[1, -turn], [turn, 1]])
    offset = middle - linear @ middle + rng.uniform(-2.5, 2.5, 2)
    source = cv2.warpAffine(
        target.image.astype(np.float32),
        np.column_stack([linear, offset]),
        (SIZE, SIZE),
        borderMode=cv2.BORDER_REFLECT,
    )
    tones = (1 + rng.normal(0, 0.05, 3)) * rng.uniform(0.9, 1.1)
    blurred = cv2.GaussianBlur(source, (0, 0), rng.uniform(0.6, 1.2))
    sharpness = rng.choice([-1.0, 0.7])  # softer, or sharper
    source = (source + sharpness * (source - blurred)) * tones.astype(np.float32)
    alpha = _soft_mask(target.landmarks, "face", rng.uniform(0.85, 1.0), rng)
    return _blend(target, source, alpha * np.float32(rng.uniform(0.6, 1.0)), "face")


def _warp(region: str) -> Callable[[Shot, Shot, np.random.Generator], Forgery]:
    """Enlarge, shrink or shift the part vertically; every pixel comes from the same face."""

    def method(target: Shot, _donor: Shot, rng: np.random.Generator) -> Forgery:
        unit = _eye_distance(target.landmarks)
        points = target.landmarks[[index for outline in _OUTLINES[region] for index in outline]]
        centre, reach = points.mean(axis=0), np.ptp(points, axis=0) / 2 + 0.35 * unit
        rows, columns = np.mgrid[0:SIZE, 0:SIZE]
        offset = np.stack([columns, rows], axis=-1) - centre  # (256, 256, 2)
        window = np.clip(1 - ((offset / reach) ** 2).sum(axis=-1), 0, None) ** 2
        factor = rng.uniform(0.2, 0.35, 2) * rng.choice([-1, 1], 2)
        shift = factor * offset + rng.uniform(-0.1, 0.1, 2) * unit
        source = (offset + centre + window[..., None] * shift).astype(np.float32)
        image = warp(target.image.astype(np.float32), source)
        inside = window > 0
        return Forgery(
            np.where(inside[..., None], image, target.image).astype(np.float32),
            region,
            np.where(inside, 255, 0).astype(np.uint8),
        )

    return method


_METHODS: dict[str, Callable[[Shot, Shot, np.random.Generator], Forgery]] = {
    "blend_face": _self_blend,
    "swap_face": _transplant("face", 0.95),
    "swap_eyes": _transplant("eyes", 1.15),
    "swap_nose": _transplant("nose", 1.3),
    "swap_mouth": _transplant("mouth", 1.25),
    "warp_eyes": _warp("eyes"),
    "warp_mouth": _warp("mouth"),
}
METHODS = tuple(_METHODS)


def _align(donor: Shot, target: Shot, used: list[int]) -> Image:
    """Return the donor under the similarity that best takes its landmarks `used` to the
    target's.
    """
    matrix = similarity(donor.landmarks[used], target.landmarks[used])
    moved: Image = cv2.warpAffine(
        donor.image.astype(np.float32), matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT
    )
    return moved


def _fit_face(donor: Shot, target: Shot) -> Image:
    """Warp the donor so that each of its landmarks lies where the target's does."""
    return warp(donor.image.astype(np.float32), spline_map(target.landmarks, donor.landmarks))


def _match(
    source: Image, target: NDArray[np.uint8], alpha: Image, rng: np.random.Generator
) -> Image:
    """Reduce the difference of `source` from the target in mean colour by about half."""
    inside = alpha > 0.5
    shift = target[inside].mean(axis=0) - source[inside].mean(axis=0)
    shifted = source + rng.uniform(0.3, 0.7) * shift + rng.normal(0, 5, 3)
    matched: Image = shifted.astype(np.float32)
    return matched


def _blend(target: Shot, source: Image, alpha: Image, region: str) -> Forgery:
    own = target.image.astype(np.float32)
    image: Image = own + alpha[..., None] * (source - own)
    return Forgery(image, region, np.where(alpha > 0, 255, 0).astype(np.uint8))


def _soft_mask(landmarks: Points, region: str, size: float, rng: np.random.Generator) -> Image:
    """Return the opacity (256, 256) of the part's hulls, scaled about their centres, edges
    blurred.
    """
    outlines = []
    for outline in _OUTLINES[region]:
        hull = cv2.convexHull(landmarks[list(outline)].astype(np.float32))[:, 0].astype(np.float64)
        centre = hull.mean(axis=0)
        outlines.append(centre + (hull - centre) * size * rng.uniform(0.95, 1.1))
    edge = _eye_distance(landmarks) * rng.uniform(0.02, 0.05)
    soft = cv2.GaussianBlur(coverage(*outlines), (0, 0), edge)
    ended: Image = np.clip(1.04 * soft - 0.02, 0, 1)  # the blur's long tails cut off
    return ended


def _eye_distance(landmarks: Points) -> float:
    between = landmarks[42:48].mean(axis=0) - landmarks[36:42].mean(axis=0)
    return float(np.hypot(*between))
