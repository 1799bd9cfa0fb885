"""Drawn people: what they look like, how they hold their heads, and where their landmarks are.

Face units: the distance between the eyes is 1, the origin lies half-way between them, x points to
the right of the image, y down and z at the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]
    Colour: TypeAlias = NDArray[np.float64]

__all__ = ["Person", "Pose", "draw_person", "draw_pose", "face_points"]

# The forehead's points 68-80 from left to right; the usual order is not.
_FOREHEAD = (77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78)
_DARK_SKIN, _LIGHT_SKIN = np.array([92.0, 58.0, 42.0]), np.array([242.0, 206.0, 182.0])
_HAIR = np.array([[28, 24, 22], [62, 42, 30], [112, 76, 46], [176, 138, 88], [150, 148, 146]])
_IRIS = np.array([[70, 44, 28], [96, 66, 38], [84, 104, 70], [82, 112, 140]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What stays the same from frame to frame. Lengths in face units, colours RGB 0-255."""

    jaw_width: float
    jaw_length: float
    jaw_square: float
    forehead: float
    brow_height: float
    brow_arch: float
    brow_thickness: float
    eye_width: float
    eye_height: float
    eye_slant: float
    iris_size: float
    nose_width: float
    nose_length: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    hair_volume: float
    hair_length: float
    fringe: float
    stubble: float
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    clothes: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """What changes: place (pixels of a 256-pixel frame), angles (radians), expression, light."""

    centre: tuple[float, float]
    scale: float
    roll: float
    yaw: float
    pitch: float
    mouth_open: float
    smile: float
    brow_raise: float
    gaze: float
    light: tuple[float, float, float]
    ambient: float

    def project(self, points: Points) -> Points:
        """Points (P, 2) on the head, or anywhere (P, 3), in face units to pixels (P, 2)."""
        if points.shape[1] == 2:
            points = np.column_stack([points, _depth(points)])
        x, y, z = points.T
        x = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        y = y * np.cos(self.pitch) + z * np.sin(self.pitch)
        return self.place(np.stack([x, y], axis=1))

    def place(self, flat: Points) -> Points:
        """Points (P, 2) in face units, of a head that is turned already, to pixels."""
        x, y = flat.T
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        tilted = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1)
        pixels: Points = tilted * self.scale + np.array(self.centre)
        return pixels

    def unplace(self, pixels: Points) -> Points:
        """The inverse of `place`, for pixels (..., 2)."""
        x, y = np.moveaxis((pixels - np.array(self.centre)) / self.scale, -1, 0)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1)


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random."""

    def around(mean: float, spread: float) -> float:
        return float(np.clip(rng.normal(mean, spread), mean - 2 * spread, mean + 2 * spread))

    tone = rng.uniform(0.0, 1.0)
    skin = _DARK_SKIN + tone * (_LIGHT_SKIN - _DARK_SKIN) + rng.normal(0, 3, 3)
    hair = _HAIR[rng.integers(len(_HAIR) if tone > 0.4 else 3)] * rng.uniform(0.8, 1.2)
    return Person(
        jaw_width=around(1.15, 0.05),
        jaw_length=around(1.85, 0.08),
        jaw_square=around(2.35, 0.2),
        forehead=around(0.84, 0.05),
        brow_height=around(0.27, 0.025),
        brow_arch=around(0.11, 0.03),
        brow_thickness=around(0.075, 0.018),
        eye_width=around(0.4, 0.02),
        eye_height=around(0.085, 0.014),
        eye_slant=around(0.02, 0.02),
        iris_size=around(0.088, 0.006),
        nose_width=around(0.24, 0.025),
        nose_length=around(0.7, 0.04),
        mouth_y=around(1.06, 0.04),
        mouth_width=around(0.46, 0.04),
        upper_lip=around(0.085, 0.02),
        lower_lip=around(0.125, 0.025),
        hair_volume=around(0.22, 0.08),
        hair_length=float(rng.choice([0.0, 0.9, 1.6, 2.2])),
        fringe=float(rng.choice([0.0, 0.0, 0.12, 0.25])),
        stubble=float(rng.choice([0.0, 0.0, 0.0, 0.12, 0.22])),
        skin=np.clip(skin, 20, 250),
        hair=hair,
        iris=_IRIS[rng.integers(len(_IRIS) if tone > 0.5 else 2)] * rng.uniform(0.8, 1.2),
        lips=np.clip(skin * np.array([0.9, 0.62, 0.62]) * rng.uniform(0.9, 1.05), 15, 235),
        clothes=np.clip(rng.uniform(30, 200) + rng.normal(0, 30, 3), 10, 235),
    )


def draw_pose(rng: np.random.Generator, near: Pose | None = None) -> Pose:
    """A pose at random, or one as a few frames after `near`."""
    if near is not None:
        return _move(rng, near)
    light = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.9, -0.1), 1.0])
    x, y, z = (light / np.linalg.norm(light)).tolist()
    return Pose(
        centre=(float(rng.uniform(114, 142)), float(rng.uniform(100, 116))),
        scale=float(rng.uniform(49, 58)),
        roll=float(rng.normal(0, 0.06)),
        yaw=float(np.clip(rng.normal(0, 0.14), -0.3, 0.3)),
        pitch=float(rng.normal(0, 0.05)),
        mouth_open=float(max(0.0, rng.normal(0.0, 0.07))),
        smile=float(rng.normal(0.02, 0.03)),
        brow_raise=float(rng.normal(0, 0.02)),
        gaze=float(rng.normal(0, 0.03)),
        light=(x, y, z),
        ambient=float(rng.uniform(0.55, 0.8)),
    )


def _move(rng: np.random.Generator, pose: Pose) -> Pose:
    x, y = pose.centre
    return Pose(
        centre=(x + float(rng.normal(0, 4)), y + float(rng.normal(0, 3))),
        scale=pose.scale * float(rng.uniform(0.97, 1.03)),
        roll=pose.roll + float(rng.normal(0, 0.03)),
        yaw=float(np.clip(pose.yaw + rng.normal(0, 0.06), -0.3, 0.3)),
        pitch=pose.pitch + float(rng.normal(0, 0.02)),
        mouth_open=float(max(0.0, rng.normal(0.02, 0.08))),
        smile=pose.smile + float(rng.normal(0, 0.02)),
        brow_raise=pose.brow_raise + float(rng.normal(0, 0.015)),
        gaze=float(rng.normal(0, 0.03)),
        light=pose.light,
        ambient=pose.ambient,
    )


def face_points(person: Person, pose: Pose) -> Points:
    """The 81 landmarks (81, 3) in face units, in the usual order, with the pose's expression."""
    points = np.zeros((81, 2))
    points[:17] = _jaw(person, pose)
    points[17:27] = _both(_brow(person, pose))
    points[27:31] = np.stack([np.zeros(4), np.linspace(-0.03, person.nose_length - 0.16, 4)], 1)
    points[31:36] = _nose_base(person)
    points[36:48] = _eyes(person)
    points[48:68] = _mouth(person, pose)
    points[list(_FOREHEAD)] = _forehead(person)
    depth = _depth(points)
    depth[27:31] += np.linspace(0.08, 0.3, 4)
    depth[31:36] += np.array([0.08, 0.16, 0.22, 0.16, 0.08])
    return np.column_stack([points, depth])


def _depth(points: Points) -> Points:
    """How far (P,) the head, an ellipsoid, stands out at points (P, 2); 0 beside it."""
    x, y = points[:, 0] / 1.3, (points[:, 1] - 0.5) / 1.75
    depth: Points = 0.9 * np.sqrt(np.clip(1 - x * x - y * y, 0, None))
    return depth


def _jaw(person: Person, pose: Pose) -> Points:
    angle = np.linspace(np.pi, 0, 17)
    power = 2 / person.jaw_square
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * person.jaw_width
    y = np.abs(np.sin(angle)) ** power * (person.jaw_length + 0.6 * pose.mouth_open)
    return np.stack([x, y + 0.03], axis=1)


def _forehead(person: Person) -> Points:
    angle = np.linspace(np.pi - 0.2, 0.2, 13)
    return np.stack([np.cos(angle) * person.jaw_width, -np.sin(angle) * person.forehead], axis=1)


def _brow(person: Person, pose: Pose) -> Points:
    """The right half of the image's brow, from the nose outwards."""
    x = np.linspace(0.18, 0.93, 5)
    bow = 1 - ((x - 0.52) / 0.45) ** 2
    return np.stack([x, -person.brow_height - pose.brow_raise - person.brow_arch * bow], axis=1)


def _both(right: Points) -> Points:
    """The mirrored half and the half itself, from left to right."""
    return np.concatenate([right[::-1] * np.array([-1.0, 1.0]), right])


def _nose_base(person: Person) -> Points:
    x = np.array([-1.0, -0.52, 0.0, 0.52, 1.0]) * person.nose_width
    return np.stack([x, person.nose_length + np.array([0.0, 0.035, 0.06, 0.035, 0.0])], axis=1)


def _eyes(person: Person) -> Points:
    """36-41 in the left half of the image, from its outer corner; 42-47 from the inner corner."""
    across = np.array([-1.0, -0.38, 0.36, 1.0, 0.34, -0.36]) * person.eye_width / 2
    up = np.array([0.0, 1.0, 1.0, 0.0, -0.62, -0.62]) * person.eye_height
    slant = person.eye_slant * across / person.eye_width  # outer corners higher
    left = np.stack([-0.5 + across, slant - up], axis=1)
    right = left[[3, 2, 1, 0, 5, 4]] * np.array([-1.0, 1.0])
    return np.concatenate([left, right])


def _mouth(person: Person, pose: Pose) -> Points:
    """48-59 the outer line, 60-67 the inner, both clockwise from the image's left corner."""
    half = person.mouth_width + pose.smile
    corner = -0.5 * pose.smile
    upper, lower, gap = person.upper_lip, person.lower_lip, pose.mouth_open
    outer_x = np.array([-1, -0.62, -0.26, 0, 0.26, 0.62, 1, 0.64, 0.29, 0, -0.29, -0.64]) * half
    down = np.array([0, 0, 0, 0, 0, 0, 0, 0.72, 1.0, 1.08, 1.0, 0.72]) * lower
    down += np.array([0, 0, 0, 0, 0, 0, 0, 0.7, 1.0, 1.0, 1.0, 0.7]) * gap
    up = np.array([0, 0.75, 1.1, 0.85, 1.1, 0.75, 0, 0, 0, 0, 0, 0]) * upper
    outer_y = down - up
    outer_y[[0, 6]] = corner
    inner_x = np.array([-0.86, -0.28, 0, 0.28, 0.86, 0.28, 0, -0.28]) * half
    inner_y = np.array([corner * 0.8, 0, 0.01, 0, corner * 0.8, gap, 0.01 + gap, gap]) + 0.005
    outer, inner = np.stack([outer_x, outer_y], 1), np.stack([inner_x, inner_y], 1)
    mouth: Points = np.concatenate([outer, inner]) + np.array([0.0, person.mouth_y])
    return mouth
