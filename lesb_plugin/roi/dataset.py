"""Pseudo-fakes as part-contrastive heads need them: with landmarks, and which parts changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lesb.styled import StyledFakes
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.pseudo_fakes.part_labels import changed_parts

__all__ = ["PartFakes", "PartViews"]


@dataclass(frozen=True, slots=True, eq=False)
class PartViews:
    """One face: its own crop first, then `draws` pairs, real before fake.

    `images` is uint8 (1 + 2 draws, S, S, 3), `landmarks` (1 + 2 draws, P, 2) in their pixels,
    `labels` (1 + 2 draws, K) says which parts were changed (`part_labels`), `families` (1 + 2
    draws) by which family of pseudo-fakes, "" for reals.
    """

    key: str
    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    labels: NDArray[np.float32]
    families: tuple[str, ...]

    def first_pair(self) -> PartViews:
        """Return the face itself and its first pair, in memory of their own."""
        few = slice(3)
        return PartViews(
            key=self.key,
            images=self.images[few].copy(),
            landmarks=self.landmarks[few].copy(),
            labels=self.labels[few].copy(),
            families=self.families[few],
        )


@dataclass(frozen=True)
class PartFakes(torch.utils.data.Dataset[PartViews | Skipped]):
    """Item i: `draws` pairs that `fakes` makes of face i, labelled by the parts of `regions`."""

    fakes: StyledFakes
    regions: RegionSet

    @property
    def purpose(self) -> str:
        return self.fakes.purpose

    @property
    def content(self) -> tuple[object, ...]:
        """Return what decides the pairs and their labels, as plain data: equal for equal ones."""
        return self.regions.to_mapping(), *self.fakes.content

    def __len__(self) -> int:
        return len(self.fakes)

    def __getitem__(self, index: int) -> PartViews | Skipped:
        drawn = self.fakes.draw(index)
        if isinstance(drawn, Skipped):
            return drawn
        try:
            labels = [changed_parts(each, self.regions) for each in drawn.pairs]
        except ValueError as error:
            return Skipped(drawn.key, str(error))
        reals = np.zeros((1, len(self.regions.parts)), np.float32)
        own = np.asarray(drawn.clean.landmarks, np.float32)
        return PartViews(
            key=drawn.key,
            images=np.concatenate([drawn.clean.image[None], *(m.images for m in drawn.pairs)]),
            landmarks=np.stack([own, *(m.landmarks for m in drawn.pairs for _ in range(2))]),
            labels=np.concatenate([reals, *(np.stack([reals[0], each]) for each in labels)]),
            families=("", *(name for m in drawn.pairs for name in ("", m.family))),
        )
