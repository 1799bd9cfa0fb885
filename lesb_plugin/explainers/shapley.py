"""The explainer `shapley`: exact Shapley values of a face's parts (Shapley 1953; 2^K scores)."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explainers.masks import NoPartsError, part_masks, regions_of
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.perturbation import Baseline, Masks, blurred, mixed, scores
from registry import ConfigError, Crop, Detector, Explain, Explanation

__all__ = ["build_shapley", "coalitions", "shapley_values"]

_MOST_PARTS = 8


def build_shapley(
    detector: Detector,
    options: ExplainOptions | None = None,
    baseline: Baseline = blurred,
) -> Explain:
    """`regions`: values in log-odds of fake, which sum to what all parts together add to them."""
    regions = regions_of(detector, options or ExplainOptions())
    if len(regions.names) > _MOST_PARTS:
        raise ConfigError(
            f"{len(regions.names)} parts have {2 ** len(regions.names)} subsets, and every"
            f" one must be scored; choose regions of at most {_MOST_PARTS} parts, or"
            " explainer occlusion"
        )

    def one(crop: Crop) -> Explanation:
        try:
            masks = part_masks(crop, regions)
        except NoPartsError as error:
            return Explanation(note=str(error))
        images = mixed(crop.image, baseline(crop), coalitions(masks))
        values = shapley_values(scores(detector, crop, images)["face"])
        return Explanation(regions=dict(zip(regions.names, values.tolist(), strict=True)))

    return lambda crops: [one(crop) for crop in crops]


def coalitions(masks: Masks) -> Masks:
    """Return (2^K, S, S) of masks (K, S, S): number i hides the parts k whose bit k of i is 0."""
    count = len(masks)
    hidden = np.zeros((2**count, *masks.shape[1:]), np.float32)
    for i, mask in enumerate(hidden):
        for k in range(count):
            if not i >> k & 1:
                np.maximum(mask, masks[k], out=mask)
    return hidden


def shapley_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (K,) of the values (2^K,) of all sets; bit k of an index says whether k is in the
    set.
    """
    count = len(values).bit_length() - 1
    found = np.zeros(count)
    for k in range(count):
        for i in range(len(values)):
            if not i >> k & 1:
                share = 1.0 / (count * comb(count - 1, i.bit_count()))
                found[k] += share * (values[i | 1 << k] - values[i])
    return found
