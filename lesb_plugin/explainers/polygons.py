"""The outlines of a face's parts in a crop."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explainers.masks import NoPartsError
from lesb_plugin.lfd.regions import RegionSet
from registry import Crop

__all__ = ["part_polygons"]


def part_polygons(crop: Crop, regions: RegionSet) -> dict[str, list[NDArray[np.float32]]]:
    """Return the convex hulls (n, 2) of every part, in pixels of the crop; NoPartsError says why
    not.
    """
    if crop.landmarks is None:
        raise NoPartsError("the face has no landmarks, so its parts cannot be located")
    points = np.asarray(crop.landmarks, np.float32)
    last = max(max(hull) for part in regions.parts for hull in part.polygons)
    if last >= len(points):
        raise NoPartsError(
            f"the parts need landmarks up to number {last}, and the face has {len(points)}"
        )
    return {
        part.name: [cv2.convexHull(points[list(hull)])[:, 0] for hull in part.polygons]
        for part in regions.parts
    }
