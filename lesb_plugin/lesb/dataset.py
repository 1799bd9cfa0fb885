"""Faces as a backbone sees them: pairs of pseudo-fake and real, and the unchanged face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lfd.variants import Skipped, stable_int
from lesb_plugin.pseudo_fakes.blend import Pair, Style, self_blend
from registry import BenchError, CropPolicy, DataError, Face, Sample, crop_face

__all__ = ["PseudoFakes", "Views"]

SELF_BLEND = "sbi"  # as `bench train` names this family


@dataclass(frozen=True, slots=True)
class Views:
    """One face: `pairs` uint8 (draws, 2, S, S, 3), real before fake, and `clean` (S, S, 3).

    `families` says of each draw what kind of pseudo-fake it is.
    """

    key: str
    pairs: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    families: tuple[str, ...]


@dataclass(frozen=True)
class PseudoFakes(torch.utils.data.Dataset[Views | Skipped]):
    """Item i: `draws` pairs made of sample i, both images of a pair cropped with the same box.

    A pair is a function of (seed, epoch, purpose, the sample's key, number of the draw) alone:
    which process makes it, and after what, changes nothing.
    """

    samples: Sequence[Sample]
    crop: CropPolicy
    style: Style
    draws: int
    purpose: str
    seed: int = 0
    epoch: int = 0

    @property
    def content(self) -> tuple[object, ...]:
        """Return what decides the pairs, as plain data: equal for equal ones."""
        keys = [sample.key for sample in self.samples]
        drawn = [self.draws, self.purpose, self.seed, self.epoch]
        return keys, *drawn, repr(self.crop), repr(self.style)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Views | Skipped:
        sample = self.samples[index]
        try:
            image, face = sample.load()
            pairs = [self._pair(sample.key, image, face, draw) for draw in range(self.draws)]
            clean = crop_face(image, face, self.crop).image
        except (BenchError, ValueError, cv2.error) as error:
            return Skipped(sample.key, str(error))
        return Views(sample.key, np.stack(pairs), clean, (SELF_BLEND,) * self.draws)

    def _pair(self, key: str, image: NDArray[np.uint8], face: Face, draw: int) -> NDArray[np.uint8]:
        """Return real and fake, (2, S, S, 3)."""
        if face.landmarks is None:
            raise DataError("a face without landmarks cannot be blended; pass --landmarks")
        rng = np.random.default_rng(
            [self.seed, self.epoch, stable_int(self.purpose), stable_int(key), draw]
        )
        pair = self_blend(image, face.landmarks, rng, self.style)
        moved = Face(box=_moved(face.box, pair), landmarks=pair.landmarks)
        margin = None if self.style.margin is None else _margins(self.style.margin, rng)
        crops = (
            crop_face(view, moved, self.crop, margin=margin) for view in (pair.real, pair.fake)
        )
        return np.stack([crop.image for crop in crops])


def _moved(box: tuple[float, float, float, float], pair: Pair) -> tuple[float, float, float, float]:
    """Return the face box of the input image in pixels of the pair."""
    corners = np.array([[box[0], box[2]], [box[1], box[3]], [1.0, 1.0]])
    (x0, x1), (y0, y1) = np.sort(pair.matrix @ corners, axis=1).tolist()
    return x0, y0, x1, y1


def _margins(
    limits: tuple[float, float], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    left, top, right, bottom = rng.uniform(*limits, 4).tolist()
    return left, top, right, bottom
