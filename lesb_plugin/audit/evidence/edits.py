"""Edits of face parts, known pixel by pixel, of kinds that no single fit has seen all of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.blending import clone
from lesb_plugin.pseudo_fakes.distort import compress, shift_hsv
from lesb_plugin.pseudo_fakes.filters import add_noise, resample
from lesb_plugin.pseudo_fakes.geometry import apply_map, bend_map, similarity_map

__all__ = ["FAMILIES", "KINDS", "Canvas", "edited", "matched_masks"]

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A face crop (S, S, 3) and, for transplants, another person's; landmarks in their pixels."""

    image: Image
    landmarks: NDArray[np.float32]
    donor: Image
    donor_landmarks: NDArray[np.float32]


def matched_masks(masks: Flags) -> Flags:
    """Return masks (K, S, S) grown or shrunk along their outlines to the median of their areas.

    This keeps parts from being named for their size.
    """
    area = int(np.median(masks.sum(axis=(1, 2))))
    out = np.zeros_like(masks)
    for k, mask in enumerate(masks):
        inside, outside = mask.astype(np.uint8), (~mask).astype(np.uint8)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
        depth -= cv2.distanceTransform(outside, cv2.DIST_L2, 5)
        out[k].flat[np.argsort(-depth, axis=None, kind="stable")[:area]] = True
    return out


def edited(
    canvas: Canvas, mask: Flags, family: str, strength: float, rng: np.random.Generator
) -> Image:
    """Return the crop with one family's change inside of `mask` (S, S), exact outside.

    `strength` in (0, 1] is how much of the change is blended in; of a warp, how far it goes.
    ValueError if the change is not visible.
    """
    size = len(mask)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.01 * size) * mask
    changed = FAMILIES[family](canvas, soft, strength, rng)
    share = soft if family == "warp" else soft * np.float32(strength)
    mixed = canvas.image + share[..., None] * (changed.astype(np.float32) - canvas.image)
    out: Image = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    if float(np.abs(out.astype(np.float32) - canvas.image)[mask].mean()) < 0.5:
        raise ValueError(f"{family} changes almost nothing in this face")
    return out


def _blur(canvas: Canvas, _soft: Mask, _strength: float, _rng: np.random.Generator) -> Image:
    return resample(canvas.image, 3.0, cv2.INTER_AREA, cv2.INTER_LINEAR)


def _colour(canvas: Canvas, _soft: Mask, _strength: float, rng: np.random.Generator) -> Image:
    return np.asarray(shift_hsv(canvas.image, rng.choice((-1, 1), 3) * (6.0, 30.0, 30.0)), np.uint8)


def _noise(canvas: Canvas, _soft: Mask, _strength: float, rng: np.random.Generator) -> Image:
    return add_noise(canvas.image, 12.0, True, int(rng.integers(1 << 31)))


def _median(canvas: Canvas, _soft: Mask, _strength: float, _rng: np.random.Generator) -> Image:
    return np.asarray(cv2.medianBlur(canvas.image, 7), np.uint8)


def _recompression(
    canvas: Canvas, _soft: Mask, _strength: float, _rng: np.random.Generator
) -> Image:
    return compress(canvas.image, 20)


def _warp(canvas: Canvas, soft: Mask, strength: float, rng: np.random.Generator) -> Image:
    size = len(soft)
    where = bend_map(
        soft,
        rng,
        grid=(3, 5),
        bend=0.02 * size * strength,
        shift=0.03 * size * strength,
        scale=(1.0 - 0.25 * strength, 1.0 + 0.25 * strength),
    )
    return apply_map(canvas.image, where, cv2.INTER_CUBIC)


def _poisson(canvas: Canvas, soft: Mask, _strength: float, _rng: np.random.Generator) -> Image:
    """Blend another person's part in, with its gradients (Perez et al., 2003)."""
    where = similarity_map(soft.shape, canvas.landmarks, canvas.donor_landmarks)
    donor = apply_map(canvas.donor, where, cv2.INTER_LINEAR)
    return clone(donor, canvas.image, (soft > 0).astype(np.uint8))


FAMILIES: Mapping[str, Callable[[Canvas, Mask, float, np.random.Generator], Image]] = {
    "blur": _blur,
    "colour": _colour,
    "noise": _noise,
    "median": _median,
    "recompression": _recompression,
    "warp": _warp,
    "poisson": _poisson,
}

# Kinds are named by what they do, not by who has seen them: LFD's psi and self-blends make blur and
# colour, --style clean makes warps and Poisson transplants too, and a backbone has its own past.
KINDS: Mapping[str, str] = {
    "blur": "blur and colour",
    "colour": "blur and colour",
    "noise": "noise and compression",
    "median": "noise and compression",
    "recompression": "noise and compression",
    "warp": "warps",
    "poisson": "transplants",
}
"""What is reported together; warps and transplants as those of given fakes are."""
