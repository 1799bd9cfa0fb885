"""Does a map move with the image, and stay off the black border that a move leaves?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.blend import mirror

__all__ = ["MOVES", "Move", "border_share", "in_corner", "move_image", "move_points", "same_map"]

Image = NDArray[np.uint8]
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of geometry about the centre of a square image: mirroring, then the rest.

    `shift` is a share of the side, `angle` in degrees.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    scale: float = 1.0
    flip: bool = False

    def matrix(self, size: int) -> NDArray[np.float64]:
        """Return (2, 3), of pixel coordinates."""
        centre = (size - 1) / 2.0
        turn = cv2.getRotationMatrix2D((centre, centre), self.angle, self.scale)
        turn[:, 2] += np.array(self.shift) * size
        if self.flip:
            turn = turn @ np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        return np.asarray(turn, np.float64)


MOVES: Mapping[str, Move] = {
    "shift": Move(shift=(0.08, 0.05)),
    "rotation": Move(angle=12.0),
    "scale": Move(scale=0.85),
    "flip": Move(flip=True),
}


def move_image(image: Image | Map, move: Move) -> Image | Map:
    """Return a square image or map moved; what comes from beyond its border is black, or 0."""
    size = image.shape[0]
    moved: Image | Map = cv2.warpAffine(image, move.matrix(size), (size, size))
    return moved


def move_points(points: NDArray[np.float32], move: Move, size: int) -> NDArray[np.float32]:
    """Return landmarks (68 | 81, 2) of the moved image; of a mirrored one left and right are
    swapped.
    """
    rest = Move(shift=move.shift, angle=move.angle, scale=move.scale).matrix(size)
    start = mirror(points, size) if move.flip else points
    return np.asarray(start @ rest[:, :2].T + rest[:, 2], np.float32)


def same_map(before: Map, after: Map, move: Move) -> float:
    """Equivariance: Pearson correlation of the moved map of x and the map of the moved x.

    Both (S, S), on pixels that were in the image before. Range [-1, 1], higher is better; 0 if
    one of the two is uniform, NaN if both are. The condition T H(x) = H(T x).
    """
    valid = _valid(len(before), move)
    one, other = np.asarray(move_image(before, move))[valid], after[valid]
    deviations = [float(each.std()) for each in (one, other)]
    even = [spread <= 1e-7 * float(abs(each).max()) for spread, each in
            zip(deviations, (one, other), strict=True)]  # fmt: skip
    if any(even):
        return float("nan") if all(even) else 0.0
    centred = (one - one.mean()) * (other - other.mean())
    return float(centred.mean()) / (deviations[0] * deviations[1])


def border_share(heat: Map, move: Move) -> float:
    """Outside mass: share of a moved image's map on the border that was added, over its area.

    Range 0 and above, lower is better: 1 where the border counts as much as the face, 0 where it
    counts for nothing. NaN for a move that adds no border; 0 for a map without positive values.
    """
    outside = ~_valid(len(heat), move)
    positive = np.maximum(heat, 0.0)
    total = float(positive.sum())
    if not outside.any():
        return float("nan")
    return float(positive[outside].sum()) / total / float(outside.mean()) if total > 0 else 0.0


def in_corner(heat: Map) -> float:
    """Return share of the map's highest cells (h, w), before it is enlarged, that are corners.

    0 or 1 where one cell is the highest; lower is better, chance is 4 / (h w).
    """
    top = heat == heat.max()
    return float(top[[0, 0, -1, -1], [0, -1, 0, -1]].sum() / top.sum())


def _valid(size: int, move: Move) -> Mask:
    whole = cv2.warpAffine(np.ones((size, size), np.float32), move.matrix(size), (size, size))
    return np.asarray(whole > 0.999)
