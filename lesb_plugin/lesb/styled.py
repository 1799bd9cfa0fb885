"""Pseudo-fakes of all families of `bench train`, for the heads of LESB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from lesb_plugin.lesb.dataset import Views
from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.pairs import PairMaker, pair_maker
from lesb_plugin.pseudo_fakes.recipe import Cutout
from lesb_plugin.pseudo_fakes.store import build_store
from registry import BenchError, Crop, FitContext, Sample, crop_face

__all__ = ["QUALITIES", "Drawn", "StyledFakes", "for_validation", "reading_label", "styled_fakes"]

QUALITIES = 4  # reals of other qualities of each val face that verdicts compare with


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The pairs of one face, and its own crop."""

    key: str
    pairs: tuple[CropPair, ...]
    clean: Crop


@dataclass(frozen=True)
class StyledFakes(torch.utils.data.Dataset[Views | Skipped]):
    """Item i: `draws` pairs that `maker` makes of sample i, and the sample's own crop.

    `maker.store` holds the faces of `samples`; one that it could not read is skipped here too.
    """

    samples: Sequence[Sample]
    maker: PairMaker
    draws: int

    @property
    def purpose(self) -> str:
        return self.maker.purpose

    @property
    def content(self) -> tuple[object, ...]:
        """Return what decides the pairs, as plain data: equal for equal ones."""
        keys = [sample.key for sample in self.samples]
        return keys, self.draws, *self.maker.content

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Views | Skipped:
        drawn = self.draw(index)
        if isinstance(drawn, Skipped):
            return drawn
        pairs = np.stack([each.images for each in drawn.pairs])
        families = tuple(each.family for each in drawn.pairs)
        return Views(drawn.key, pairs, drawn.clean.image, families)

    def draw(self, index: int) -> Drawn | Skipped:
        """Return item i with everything known about it."""
        sample = self.samples[index]
        at = self._places.get(sample.key)
        if at is None:
            return next(each for each in self.maker.store.skipped if each.key == sample.key)
        drawn = [self.maker.make(draw, at) for draw in range(self.draws)]
        for each in drawn:
            if isinstance(each, Skipped):
                return each
        try:
            clean = crop_face(*sample.load(), self.maker.crop)
        except (BenchError, ValueError) as error:
            return Skipped(sample.key, str(error))
        pairs = tuple(each for each in drawn if isinstance(each, CropPair))
        return Drawn(sample.key, pairs, clean)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry.key: at for at, entry in enumerate(self.maker.store.entries)}


def reading_label(purpose: str) -> str:
    """Return the label of the bar under which the faces of a split are read."""
    return f"reading {purpose} faces"


def styled_fakes(
    context: FitContext, style: str, draws: int, purpose: str, scratch: Path
) -> StyledFakes:
    """Return `draws` pairs of every face of the split `purpose`; `scratch` holds the faces
    meanwhile.
    """
    samples = context.train if purpose == "train" else context.val
    store = build_store(
        samples,
        scratch / purpose,
        label=reading_label(purpose),
        workers=context.workers,
        max_errors=context.max_errors,
        quiet=context.quiet,
    )
    crop = context.embedder.backbone.crop
    maker = pair_maker(store, crop, style, purpose=f"fit {purpose}", seed=context.seed)
    if purpose == "val":
        maker = for_validation(maker)
    return StyledFakes(samples, maker, draws)


def for_validation(maker: PairMaker) -> PairMaker:
    """Return the same families on faces as they are scored: cropped so, whole and unbent."""
    placement = replace(maker.recipe.placement, margin=None, bend_p=0.0)
    return replace(
        maker,
        blend=maker.blend.for_validation(),
        recipe=replace(maker.recipe, placement=placement, cutout=Cutout()),
    )
