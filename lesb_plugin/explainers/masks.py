"""Where the parts of a face lie in a crop, in pixels and on a feature grid."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import STILL, Jitter, RegionSet
from lesb_plugin.lfd.regions import part_masks as regions_masks
from registry import Crop, Detector

__all__ = ["REST", "SOFT", "NoPartsError", "face_cells", "part_masks", "partition", "regions_of"]

REST = "rest"  # what is in no part
SOFT = Jitter(
    points=0.0,
    scale=(1.0, 1.0),
    rotation=0.0,
    shift=0.0,
    dilation=(0.1, 0.1),
    smoothing=(0.04, 0.04),
)
"""The part and a little around it, fading out: a sharp border would be evidence of its own."""


class NoPartsError(ValueError):
    """A crop whose parts cannot be located; the text says why."""


def regions_of(detector: Detector, options: ExplainOptions) -> RegionSet:
    """Return the parts that a detector was fitted with, or those of the options."""
    own = getattr(detector, "regions", None)
    return own if isinstance(own, RegionSet) else region_preset(options.regions)


def part_masks(crop: Crop, regions: RegionSet, jitter: Jitter = SOFT) -> NDArray[np.float32]:
    """Return (K, S, S) in [0, 1], one for each part."""
    if crop.landmarks is None:
        raise NoPartsError("the face has no landmarks, so its parts cannot be located")
    height, width = crop.image.shape[:2]
    try:
        return regions_masks(crop.landmarks, regions, (height, width), jitter)
    except ValueError as error:
        raise NoPartsError(f"the parts cannot be located: {error}") from error


def partition(crop: Crop, regions: RegionSet, grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return (K + 1, h, w): the share of each cell that lies in each part, and in the rest; they
    sum to 1.

    A pixel in several parts belongs to all of them in equal shares.
    """
    import torch

    masks = part_masks(crop, regions, STILL)  # (K, S, S), 0 or 1
    masks = masks / np.maximum(masks.sum(axis=0), 1.0)
    whole = np.concatenate([masks, 1.0 - masks.sum(axis=0, keepdims=True)])
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(whole), grid)
    return np.asarray(cells.numpy(), np.float32)


def face_cells(crop: Crop, grid: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (h, w): the cells whose centre lies in the hull of the landmarks."""
    if crop.landmarks is None:
        raise NoPartsError("the face has no landmarks")
    hull = cv2.convexHull(np.asarray(crop.landmarks, np.float32))
    height, width = crop.image.shape[:2]
    rows = ((np.arange(grid[0]) + 0.5) * height / grid[0]).tolist()
    columns = ((np.arange(grid[1]) + 0.5) * width / grid[1]).tolist()
    inside = [[cv2.pointPolygonTest(hull, (x, y), False) >= 0 for x in columns] for y in rows]
    return np.array(inside, np.bool_)
