"""Draws a person as a camera would see it. Images are float32 RGB (256, 256, 3) in 0-255."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from registry.builtin.datasets.toy.model import LANDMARKS, FaceModel
from registry.builtin.datasets.toy.people import Person, Pose, frame_points, mirrored
from registry.builtin.datasets.toy.warp import SIZE, spline_map, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]

__all__ = ["SIZE", "camera", "coverage", "encode", "render"]

_OVERSAMPLING = 4  # shapes are filled on a grid this much finer and averaged down
_SHIFT = 4  # fractional bits of the corners of shapes


def render(
    model: FaceModel, person: Person, pose: Pose, rng: np.random.Generator
) -> tuple[Image, Points]:
    """Return the scene before the camera, and the 81 landmarks (81, 2) in its pixels."""
    points = frame_points(model, person, pose)
    figure, opacity = model.picture(person.latent)
    where = spline_map(points, model.mean_points)
    visible = np.clip(warp(np.dstack([figure, opacity]), where), 0, 255)
    seen = np.clip((visible[..., 3:] - 0.15) / 0.7, 0, 1)  # the sum of many outlines is too soft
    seen *= seen * (3 - 2 * seen)
    figure = visible[..., :3] * (seen / np.clip(visible[..., 3:], 0.05, 1))
    scene: Image = figure + (1 - seen) * _backdrop(rng)
    landmarks = points[:LANDMARKS]
    if person.flipped:
        return np.ascontiguousarray(scene[:, ::-1]), mirrored(landmarks)
    return scene, landmarks


def camera(scene: Image, rng: np.random.Generator, grain: np.random.Generator) -> Image:
    """Photograph the scene: exposure, lens blur, sharpening, vignette, sensor noise.

    rng: for what a camera is like; grain: for the noise, another in each frame.
    """
    gain = rng.uniform(0.88, 1.1) * rng.uniform(0.96, 1.04, 3)
    image = cv2.GaussianBlur(scene * gain.astype(np.float32), (5, 5), rng.uniform(0.3, 0.7))
    image += np.float32(rng.uniform(0, 0.7)) * (image - cv2.GaussianBlur(image, (0, 0), 1))
    grid = np.linspace(-1, 1, SIZE, dtype=np.float32) ** 2
    image *= (1 - np.float32(rng.uniform(0, 0.12)) * (grid[:, None] + grid))[..., None]
    np.clip(image, 0, 255, out=image)
    noise = cv2.GaussianBlur(grain.standard_normal(scene.shape, dtype=np.float32), (3, 3), 0.45)
    strength = np.float32(rng.uniform(1.5, 5.0))  # levels, at white
    noisy: Image = image + noise * cv2.sqrt(image / 255 + 0.1) * strength
    return noisy


def encode(
    image: NDArray[np.floating] | NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return uint8 RGB (256, 256, 3) after JPEG compression at a random quality."""
    levels = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    quality = int(rng.integers(75, 96))
    _, data = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: NDArray[np.uint8] = cv2.cvtColor(cv2.imdecode(data, 1), cv2.COLOR_BGR2RGB)
    return decoded


def coverage(*outlines: Points) -> Image:
    """Return the share of each pixel (256, 256) that lies in any of the outlines (P, 2), in
    pixels.
    """
    shares = np.zeros((SIZE, SIZE), dtype=np.float32)
    corners = np.concatenate(outlines)
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, SIZE - 1).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 1, SIZE).tolist()
    fine = np.zeros(((y1 - y0) * _OVERSAMPLING, (x1 - x0) * _OVERSAMPLING), dtype=np.uint8)
    for outline in outlines:
        placed = ((outline - [x0, y0] + 0.5) * _OVERSAMPLING - 0.5) * (1 << _SHIFT)
        cv2.fillPoly(fine, [np.rint(placed).astype(np.int32)], 255, shift=_SHIFT)
    small = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    shares[y0:y1, x0:x1] = np.multiply(small, 1 / 255, dtype=np.float32)
    return shares


def _backdrop(rng: np.random.Generator) -> Image:
    """Return a blurred background (256, 256, 3): a tone, light across it, and soft shapes on it."""
    tone = rng.uniform(60, 205) * (1 + rng.normal(0, 0.07, 3))
    across = np.linspace(rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.1), SIZE)
    down = np.linspace(1, rng.uniform(0.8, 1.1), SIZE)
    wall = ((down[:, None] * across)[..., None] * tone).astype(np.float32)
    for _ in range(rng.integers(0, 4)):  # shelves, frames, doors
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * rng.uniform(20, 150, 2)
        inside = coverage(corners + rng.uniform(-40, SIZE, 2))
        soft = 0.8 * cv2.GaussianBlur(inside, (0, 0), rng.uniform(2, 8))[..., None]
        thing = (tone * rng.uniform(0.6, 1.3) * (1 + rng.normal(0, 0.08, 3))).astype(np.float32)
        wall += soft * (thing - wall)
    grid = rng.standard_normal((9, 9), dtype=np.float32) * np.float32(rng.uniform(1, 5))
    blotches = cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    clipped: Image = np.clip(wall + blotches[..., None], 5, 250)
    return clipped
