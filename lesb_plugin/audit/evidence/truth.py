"""What a data set says about where a face was changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.regions import Jitter, RegionSet, part_masks
from registry import DataError

__all__ = ["WHOLE", "changed_parts", "clicked_parts", "covered_parts", "group_of", "wide_masks"]

Flags = NDArray[np.bool_]
WHOLE = frozenset({"face", "whole", "whole_face", "all"})

# A part's polygon ends at the landmarks, what is done to it does not.
_AROUND = Jitter(
    points=0.0, scale=(1.0, 1.0), rotation=0.0, shift=0.0, dilation=(0.1, 0.1), smoothing=(0.0, 0.0)
)
_DRAWN = 256  # pixels of the square that parts are drawn in, to see which were clicked
_GROUPS = {
    "warps": ("warp",),
    "in-painting": ("inpaint",),
    "transplants": ("alpha", "poisson", "transplant"),
}


def changed_parts(region: str, parts: Sequence[str], column: str = "region") -> Flags:
    """Return (K,) for a manifest's `region`: one part, several (`eyes+mouth`), or the whole
    face.

    So is its `perceived`; `column` is which of the two is read. Capital letters make no difference.
    A DataError for a word that is none of them.
    """
    words = [word for word in re.split(r"[\s+,;|&]+", region.strip().lower()) if word]
    names = [part.lower() for part in parts]
    unknown = [word for word in words if word not in names and word not in WHOLE]
    if unknown or not words:
        raise DataError(
            f"{column} {region!r} is not a part; known: {', '.join(parts)}, several joined"
            " by +, and face for the whole face. Choose other parts with --regions"
        )
    if any(word in WHOLE for word in words):
        return np.ones(len(parts), np.bool_)
    return np.array([name in words for name in names])


def covered_parts(mask: Flags, masks: Flags) -> Flags:
    """Return (K,) for a mask of changed pixels (S, S): parts (K, S, S) more than half inside it."""
    inside = (masks & mask).sum(axis=(1, 2))
    return np.asarray(2 * inside > masks.sum(axis=(1, 2)))


def clicked_parts(
    clicks: NDArray[np.floating], landmarks: NDArray[np.floating], regions: RegionSet
) -> Flags:
    """Return (K,) parts that contain one of the places (n, 2), or lie within a tenth of an
    inter-ocular.

    Places and landmarks (P, 2) are in pixels of one image.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    margin = (high - low).max() / 4  # room for what lies around a part at the face's edge
    scale = _DRAWN / ((high - low).max() + 2 * margin)
    masks = wide_masks((landmarks - low + margin) * scale, regions, _DRAWN)
    at = np.floor((clicks - low + margin) * scale).astype(np.int64)  # (n, 2)
    x, y = at[((at >= 0) & (at < _DRAWN)).all(axis=1)].T
    return np.asarray(masks[:, y, x].any(axis=1))


def wide_masks(landmarks: NDArray[np.floating], regions: RegionSet, size: int) -> Flags:
    """Return (K, S, S): each part and a tenth of an inter-ocular distance around it."""
    return part_masks(landmarks, regions, size, _AROUND) > 0


def group_of(method: str) -> str:
    """Return the group for reports: transplants, warps, in-painting, else the method by its
    name.
    """
    for group, words in _GROUPS.items():
        if any(word in method.lower() for word in words):
            return group
    return method or "unnamed methods"
