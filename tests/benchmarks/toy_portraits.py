"""Portraits cut from their blue backdrop, laid over each other, and the points that they share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from registry import similarity
from registry.builtin.datasets.manifest import manifest_videos
from registry.builtin.datasets.toy.warp import SIZE
from registry.contracts.types import DatasetRequest
from registry.data.images import read_image
from registry.faces.reader import read_landmarks

__all__ = ["Portrait", "read_portraits"]

EYES_APART, CENTRE = 52.0, (128.0, 128.0)  # of the mean landmarks in a frame
# Wearers of glasses, which would leave ghosts in the mean of all eyes, and one of coloured hair.
LEFT_OUT = frozenset(
    """A000369 B000490 B000825 B001248 B001257 B001281 C000537 C001061 C001068 C001112 C001125
    D000216 E000246 F000446 F000450 F000454 F000470 F000474 F000480 G000551 G000553 G000568 G000576
    H001094 H001096 I000058 J000301 L000266 L000491 M000312 N000147 P000597 R000609 S000344 S001190
    U000040 W000788 W000798 W000825 W000828""".split()  # noqa: SIM905
)
LONG_HAIR = 0.35  # share of the places beside the lower jaw that are not backdrop
Image = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A person in a frame (256, 256) of the common alignment.

    person: RGB in 0-255, times opacity: 0 where the backdrop shows.
    opacity: 0-1.
    points: 81 landmarks, then the head's outline, shoulders and the frame's border.
    long_hair: whether hair hides the neck; then only the face is of use.
    """

    person: Image
    opacity: Image
    points: Points
    long_hair: bool


def read_portraits(data: Path) -> list[Portrait]:
    """The people of train and val in `data` without those left out, in the manifest's order."""
    frames = [
        video.frames[0]
        for split in ("train", "val")
        for video in manifest_videos(DatasetRequest(name=data.name, root=data, split=split))
        if video.identity not in LEFT_OUT
    ]
    landmarks = []
    for frame in frames:
        assert frame.landmarks is not None, f"{frame.path} has no landmarks"
        landmarks.append(read_landmarks(frame.landmarks).astype(np.float64))
    turns = similarities(landmarks)
    return [
        portrait(read_image(frame.path).astype(np.float32), points, turn)
        for frame, points, turn in zip(frames, landmarks, turns, strict=True)
    ]


def similarities(shapes: list[Points]) -> list[NDArray[np.float64]]:
    """The (2, 3) matrices that take each shape to the mean of all (Procrustes analysis)."""
    mean = shapes[0]
    for _ in range(5):
        moves = [similarity(shape, mean) for shape in shapes]
        moved = [shape @ m[:, :2].T + m[:, 2] for shape, m in zip(shapes, moves, strict=True)]
        mean = np.mean(moved, axis=0)
        eyes = mean[42:48].mean(axis=0) - mean[36:42].mean(axis=0)
        turn = eyes @ [1, 1j] / EYES_APART
        upright = (mean - mean.mean(axis=0)) @ [1, 1j] / turn
        mean = np.stack([upright.real, upright.imag], axis=1) + CENTRE
    return [similarity(shape, mean) for shape in shapes]


def portrait(image: Image, landmarks: Points, turn: NDArray[np.float64]) -> Portrait:
    backdrop, opacity, solid = cut_out(image, landmarks)

    def place(picture: Image) -> Image:
        placed = cv2.warpAffine(picture, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(placed, dtype=np.float32)

    points = landmarks @ turn[:, :2].T + turn[:, 2]
    inside = place(solid) > 0.5
    opacity_here = place(opacity)
    person = place(image - (1 - opacity[..., None]) * backdrop)
    return Portrait(
        person=without_spill(person, points),
        opacity=opacity_here,
        points=np.concatenate([points, outline(inside, points), shoulders(inside), border()]),
        long_hair=beside_jaw(opacity_here, points) > LONG_HAIR,
    )


def cut_out(image: Image, landmarks: Points) -> tuple[Image, Image, Image]:
    """The backdrop behind the person, the person's opacity, and the same as 0 or 1."""
    height, width = image.shape[:2]
    face = filled(landmarks, image.shape)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    bluish = (image[..., 2] - image[..., 0] > 35) & (image[..., 2] > 60) & (y < -0.1)
    empty = bluish & ~face
    for tolerance in (28, 22, 18, 16):
        fit, *_ = np.linalg.lstsq(terms[empty], image[empty], rcond=None)
        smooth = (terms @ fit).astype(np.float32)
        empty = (np.abs(image - smooth).max(axis=-1) < tolerance) & ~face
    # The same blue may be darker or brighter in places: shadows of the person.
    light = np.clip((image * smooth).sum(-1) / (smooth * smooth).sum(-1), 0.5, 1.2)
    backdrop: Image = smooth * cv2.GaussianBlur(light.astype(np.float32), (0, 0), 1)[..., None]
    distance = np.linalg.norm(image - backdrop, axis=-1)
    solid = largest(~from_edges((distance < 30) & ~face))
    near = cv2.dilate(solid.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    core = cv2.erode(solid.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    opacity = np.where(core, 1, np.where(near, np.clip((distance - 14) / 36, 0, 1), 0))
    opacity = cv2.GaussianBlur(opacity.astype(np.float32), (0, 0), 0.6)
    return backdrop, opacity, solid.astype(np.float32)


def from_edges(empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of `empty` that reach the top or the upper half of the sides."""
    _, parts = cv2.connectedComponents(empty.astype(np.uint8), connectivity=4)
    half = len(parts) // 2
    touched = np.unique(np.concatenate([parts[:4].ravel(), parts[:half, [0, 1, -2, -1]].ravel()]))
    found = np.isin(parts, touched[touched > 0]).astype(np.uint8)
    return cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return parts == 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))


def filled(points: Points, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The convex hull of points (P, 2) as a mask."""
    hull = np.rint(cv2.convexHull(points.astype(np.float32))).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), hull, 1) > 0


def without_spill(person: Image, points: Points) -> Image:
    """Blue light of the backdrop taken out of the hair: nothing around the face is blue."""
    head = ~filled(points, person.shape)
    head[int(points[8, 1]) :] = False
    cleaned = person.copy()
    limit = 1.05 * person[..., :2].max(axis=-1)
    cleaned[..., 2] = np.where(head, np.minimum(person[..., 2], limit), person[..., 2])
    return cleaned


def outline(inside: NDArray[np.bool_], landmarks: Points) -> Points:
    """Where nine rays from between the eyes, upwards of the ears, leave the person; smoothed."""
    eyes, steps = landmarks[36:48].mean(axis=0), np.arange(10, 200, 0.5)
    angles = np.linspace(7 / 6 * np.pi, 11 / 6 * np.pi, 11)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lengths = []
    for ray in rays:
        places = eyes + steps[:, None] * ray
        places = places[((places >= 3) & (places < SIZE - 3)).all(axis=1)]
        column, row = np.rint(places).astype(int).T
        lengths.append(steps[np.flatnonzero(inside[row, column])[-1]])
    smooth = np.convolve(lengths, [0.25, 0.5, 0.25], mode="valid")
    return eyes + smooth[:, None] * rays[1:-1]


def shoulders(inside: NDArray[np.bool_]) -> Points:
    """How high clothes reach in eight columns, from the outside in, left and right in turn."""
    points = []
    for x, highest, lowest in ((0, 180, 240), (20, 180, 240), (40, 180, 235), (58, 178, 230)):
        for column in (x, SIZE - 1 - x):
            strip = inside[:, max(0, column - 2) : column + 3].mean(axis=1) > 0.5
            empty = np.flatnonzero(~strip)
            top = empty[-1] if len(empty) else 0
            points.append([column, np.clip(top, highest, lowest)])
    return np.array(points, dtype=np.float64)


def border() -> Points:
    end, third = SIZE - 1, SIZE // 4
    corners = [[0, 0], [end, 0], [0, end], [end, end], [0, third], [end, third]]
    edges = [[x, y] for y in (0, end) for x in (third, 2 * third, 3 * third)]
    return np.array(corners + edges, dtype=np.float64)


def beside_jaw(opacity: Image, landmarks: Points) -> float:
    """Mean opacity beside the lower jaw, on the side where more is hidden."""
    unit = np.hypot(*(landmarks[42:48].mean(axis=0) - landmarks[36:42].mean(axis=0)))
    sides = []
    for corners, sign in (((3, 4), -1), ((13, 12), 1)):
        places = [landmarks[c] + [sign * k * unit, 0] for c in corners for k in (0.3, 0.45)]
        column, row = np.rint(places).astype(int).T
        sides.append(float(opacity[row, column].mean()))
    return max(sides)
