"""People who do not exist: their looks, and how their heads are held in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from registry.builtin.datasets.toy.model import HEAD, LANDMARKS, FaceModel
from registry.builtin.datasets.toy.warp import SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]
    Vector: TypeAlias = NDArray[np.float32]

__all__ = ["Person", "Pose", "draw_person", "draw_pose", "frame_points", "mirrored"]

_REACH = 1.8  # standard deviations, the furthest that a latent variable goes
_EXPRESSION = 0.25  # standard deviations, how far a frame's shape is from its person's
_HEAD_SHAPE, _BODY_SHAPE = 0.85, 0.6  # shares of the model's variation: less of it folds nothing
# The forehead's points 68-80 from left to right; the usual order is not.
_FOREHEAD = (77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What stays the same from frame to frame."""

    latent: Vector  # (K,), of the face model
    flipped: bool  # mirrored in the frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """What changes: place and size of the head, angles (radians), expression."""

    shift: tuple[float, float]  # pixels
    scale: float
    roll: float
    yaw: float
    pitch: float
    expression: Vector  # (K,), added to the person's latent vector for the shape alone


def draw_person(rng: np.random.Generator, rank: int) -> Person:
    """Draw a person at random: a truncated draw from the model's Gaussian."""
    latent = rng.standard_normal(rank).astype(np.float32)
    beyond = np.abs(latent) > _REACH
    while beyond.any():
        latent[beyond] = rng.standard_normal(int(beyond.sum()))
        beyond = np.abs(latent) > _REACH
    return Person(latent=latent, flipped=bool(rng.random() < 0.5))


def draw_pose(rng: np.random.Generator, rank: int, near: Pose | None = None) -> Pose:
    """Draw a pose at random, or one that follows `near` by a few frames."""
    part = 1.0 if near is None else 0.4
    start = near or Pose(
        shift=(0, 0), scale=1, roll=0, yaw=0, pitch=0, expression=np.zeros(rank, np.float32)
    )
    move = part * np.clip(rng.standard_normal(6), -2, 2)
    own = rng.standard_normal(rank).astype(np.float32) * np.float32(_EXPRESSION)
    both = ((start.expression + own) / np.sqrt(2)).astype(np.float32)
    return Pose(
        shift=(start.shift[0] + 5 * move[0], start.shift[1] + 3 * move[1]),
        scale=start.scale * (1 + 0.03 * move[2]),
        roll=start.roll + 0.04 * move[3],
        yaw=start.yaw + 0.06 * move[4],
        pitch=start.pitch + 0.04 * move[5],
        expression=own if near is None else both,
    )


def frame_points(model: FaceModel, person: Person, pose: Pose) -> Points:
    """Return all points (P, 2) of the model in pixels of the frame, before it is mirrored."""
    points = model.points(person.latent + pose.expression)
    points[:HEAD] += (_HEAD_SHAPE - 1) * (points - model.mean_points)[:HEAD]
    points[HEAD:] += (_BODY_SHAPE - 1) * (points - model.mean_points)[HEAD:]
    head = points[:HEAD]
    unit = float(np.hypot(*(points[42:48].mean(axis=0) - points[36:42].mean(axis=0))))
    pivot = head[8] + [0, 0.4 * unit]  # the neck
    offset = (head - pivot) / unit
    # The head as an ellipsoid whose middle lies 2 units above the pivot.
    x, y = offset[:, 0] / 1.45, (offset[:, 1] + 1.9) / 1.9
    depth = 0.9 * np.sqrt(np.clip(1 - x * x - y * y, 0, None))
    depth[27:36] += 0.2  # the nose
    turned = offset + np.stack([depth * np.sin(pose.yaw), depth * np.sin(pose.pitch)], axis=1)
    cos, sin = np.cos(pose.roll), np.sin(pose.roll)
    moved = turned @ np.array([[cos, sin], [-sin, cos]]) * (unit * pose.scale)
    placed = points.copy()
    placed[:HEAD] = np.clip(moved + pivot + pose.shift, 2, SIZE - 3)
    return placed


def mirrored(landmarks: Points) -> Points:
    """Return the 81 landmarks (81, 2) of the mirrored frame, in the usual order again."""
    return (landmarks * [-1, 1] + [SIZE - 1, 0])[_PARTNERS]


def _partners() -> list[int]:
    """Return, for each of the 81 landmarks, its counterpart on the other side of the face."""
    partner = list(range(LANDMARKS))
    rows = (
        *(range(17), range(17, 27), range(31, 36), _FOREHEAD),
        *((36, 37, 38, 39, 42, 43, 44, 45), (41, 40, 47, 46)),  # lids
        *(range(48, 55), (59, 58, 57, 56, 55), range(60, 65), (67, 66, 65)),  # lips
    )
    for row in rows:
        for left, right in zip(row, reversed(row), strict=True):
            partner[left] = right
    return partner


_PARTNERS = _partners()
