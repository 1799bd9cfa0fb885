"""The explainers `occlusion` and `occlusion_grid`: how far the score falls without a region."""

from __future__ import annotations

import cv2
import numpy as np

from lesb_plugin.explainers.masks import NoPartsError, part_masks, regions_of
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.perturbation import Baseline, Masks, blurred, mixed, scores
from registry import Crop, Detector, Explain, Explanation

__all__ = ["build_occlusion", "build_occlusion_grid", "drops"]

_AT_ONCE = 64  # images: a fine grid of a large crop would fill the memory


def build_occlusion(
    detector: Detector,
    options: ExplainOptions | None = None,
    baseline: Baseline = blurred,
) -> Explain:
    """`regions`: how much each part raises the log-odds of fake, by what they lose without it.

    With the untouched image of a known forgery as `baseline`, parts are restored, not blurred.
    """
    regions = regions_of(detector, options or ExplainOptions())

    def one(crop: Crop) -> Explanation:
        try:
            masks = part_masks(crop, regions)
        except NoPartsError as error:
            return Explanation(note=str(error))
        lost = drops(detector, crop, masks, baseline)["face"]
        return Explanation(regions=dict(zip(regions.names, lost.tolist(), strict=True)))

    return lambda crops: [one(crop) for crop in crops]


def build_occlusion_grid(
    detector: Detector,
    options: ExplainOptions | None = None,
    baseline: Baseline = blurred,
) -> Explain:
    """Return maps (grid, grid) by target: what its log-odds of fake lose without a cell."""
    grid = (options or ExplainOptions()).grid

    def one(crop: Crop) -> Explanation:
        lost = drops(detector, crop, _cells(crop.image.shape[0], grid), baseline)
        return Explanation(
            maps={
                name: values.reshape(grid, grid).astype(np.float32) for name, values in lost.items()
            }
        )

    return lambda crops: [one(crop) for crop in crops]


def drops(
    detector: Detector, crop: Crop, masks: Masks, baseline: Baseline = blurred
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return (n,) by target: log-odds of the crop minus those with the baseline inside masks (n,
    S, S).
    """
    instead = baseline(crop)
    pieces = []
    for start in range(0, len(masks), _AT_ONCE):
        images = mixed(crop.image, instead, masks[start : start + _AT_ONCE])
        if start == 0:
            images = np.concatenate([crop.image[None], images])
        pieces.append(scores(detector, crop, images))
    found = {name: np.concatenate([each[name] for each in pieces]) for name in pieces[0]}
    return {name: values[0] - values[1:] for name, values in found.items()}  # of (1 + n,)


def _cells(size: int, grid: int) -> Masks:
    """Return (grid^2, S, S): the cells of a grid, row by row, softened at their borders."""
    edges = np.linspace(0, size, grid + 1).round().astype(int)
    masks = np.zeros((grid * grid, size, size), np.float32)
    for cell, mask in enumerate(masks):
        row, column = divmod(cell, grid)
        mask[edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = 1.0
        cv2.GaussianBlur(mask, (0, 0), size / grid / 8, dst=mask, borderType=cv2.BORDER_REPLICATE)
    return masks
