"""The explainer `parts`: what each part of a face adds to the logit of a mean-pooled detector.

With masks m_k that sum to 1 at every position u of the feature map A, and a linear head w, b,

    C_k = 1/(h w) sum_u m_k(u) w A(u) - its mean over real faces

sum exactly to the logit minus the mean logit of real faces. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.explainers.masks import REST, NoPartsError, partition, regions_of
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.target import (
    ANY_DETECTOR,
    batches,
    differentiable,
    linear_weight,
    pixels,
)
from lesb_plugin.lfd.regions import RegionSet
from registry import (
    ConfigError,
    Crop,
    DataError,
    Detector,
    Embedder,
    Explain,
    Explanation,
    real_crops,
)

__all__ = ["build_parts"]

Array = NDArray[np.float64]


def build_parts(detector: Detector, options: ExplainOptions | None = None) -> Explain:
    """`regions`: C_k by part and of the `rest`; the map "face" is the same by position.

    Both are in units of the logit, and 0 is what real faces of `options.reference` have on average.
    """
    options = options or ExplainOptions()
    target = differentiable(detector, "parts")
    backbone = target.embedder.backbone
    if not backbone.mean_pooled:
        raise ConfigError(
            "explainer 'parts' splits the mean over a feature map, and the embedding of"
            f" backbone {backbone.name!r} is not just such a mean; use cam, or"
            f" {ANY_DETECTOR}"
        )
    head = _Head(target.embedder, linear_weight(target, "parts"), regions_of(detector, options))
    reals = _Reals.of(head, real_crops(options.reference, backbone.crop, options.reference_faces))

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        return [
            _explanation(crop, each, head.regions, reals)
            for crop, each in zip(crops, head.contributions(crops), strict=True)
        ]

    return explain


@dataclass(frozen=True, slots=True)
class _Head:
    """A linear head on a mean-pooled backbone; w is (d,)."""

    embedder: Embedder
    weight: torch.Tensor
    regions: RegionSet

    def contributions(self, crops: Sequence[Crop]) -> Array:
        """Return (B, h, w): what each position adds to the logit."""
        found = []
        for batch in batches(crops, self.embedder):
            with torch.no_grad(), self.embedder.autocast():
                activation = self.embedder.backbone.features(pixels(batch, self.embedder)).map
            cells = activation.shape[2] * activation.shape[3]
            each = torch.einsum("d,bdhw->bhw", self.weight, activation.float()) / cells
            found.append(each.cpu().double().numpy())
        return np.concatenate(found) if found else np.zeros((0, 1, 1))


@dataclass(frozen=True, slots=True)
class _Reals:
    """Means over real faces: of each part's share in the logit (K + 1,), and by position (h, w)."""

    parts: Array
    cells: Array

    @classmethod
    def of(cls, head: _Head, crops: Sequence[Crop]) -> _Reals:
        cells, parts = [], []
        for crop, each in zip(crops, head.contributions(crops), strict=True):
            try:
                parts.append(_by_part(crop, each, head.regions))
                cells.append(each)
            except NoPartsError:
                continue  # a real face whose parts cannot be located is no reference
        if not parts:
            raise DataError(
                "no reference face has landmarks that show its parts; choose another reference"
            )
        return cls(np.mean(parts, axis=0), np.mean(cells, axis=0))


def _by_part(crop: Crop, contributions: Array, regions: RegionSet) -> Array:
    """Return (K + 1,): contributions (h, w) summed over every part and the rest."""
    height, width = contributions.shape
    masks = partition(crop, regions, (height, width)).astype(np.float64)  # (K + 1, h, w)
    return np.asarray(np.einsum("khw,hw->k", masks, contributions))


def _explanation(
    crop: Crop, contributions: Array, regions: RegionSet, reals: _Reals
) -> Explanation:
    face = (contributions - reals.cells).astype(np.float32)
    try:
        parts = _by_part(crop, contributions, regions) - reals.parts
    except NoPartsError as error:
        return Explanation(maps={"face": face}, note=str(error))
    names = (*regions.names, REST)
    return Explanation(maps={"face": face}, regions=dict(zip(names, parts.tolist(), strict=True)))
