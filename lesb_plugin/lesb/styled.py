"""Pseudo-fakes of every family that `bench train` knows, for the heads of LESB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from lesb_plugin.lesb.dataset import Views
from lesb_plugin.lesb.train.pairs import Made, PairMaker
from lesb_plugin.lfd.variants import Skipped
from registry import BenchError, Sample, crop_face

__all__ = ["StyledFakes", "for_validation"]


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

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Views | Skipped:
        sample = self.samples[index]
        at = self._places.get(sample.key)
        if at is None:
            return next(each for each in self.maker.store.skipped if each.key == sample.key)
        made = [self.maker.make(draw, at) for draw in range(self.draws)]
        for each in made:
            if isinstance(each, Skipped):
                return each
        pairs = np.stack([each.images for each in made if isinstance(each, Made)])
        try:
            clean = crop_face(*sample.load(), self.maker.crop).image
        except (BenchError, ValueError) as error:
            return Skipped(sample.key, str(error))
        return Views(sample.key, pairs, clean)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {entry.key: at for at, entry in enumerate(self.maker.store.entries)}


def for_validation(maker: PairMaker) -> PairMaker:
    """The same families on faces cut as they are when they are scored."""
    placement = replace(maker.law.placement, margin=None)
    return replace(
        maker,
        blend=maker.blend.for_validation(),
        law=replace(maker.law, placement=placement),
    )
