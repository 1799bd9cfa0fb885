"""Draws a person as a camera would see it. Images are float32 RGB (256, 256, 3) in 0-255."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from registry.builtin.toy_people import Person, Pose, face_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]

__all__ = ["SIZE", "camera", "coverage", "encode", "noise_field", "render", "smooth_curve"]

SIZE = 256
_OVERSAMPLING = 4  # shapes are filled on a grid this much finer and averaged down
_SHIFT = 4  # fractional bits of the corners of shapes


def render(person: Person, pose: Pose, rng: np.random.Generator) -> tuple[Image, Points]:
    """The scene before the camera, and the 81 landmarks (81, 2) in its pixels."""
    canvas = _Canvas(person, pose, rng)
    canvas.draw_background()
    canvas.draw_body()
    canvas.draw_skin()
    canvas.draw_mouth()
    canvas.draw_nostrils()
    canvas.draw_eyes()
    canvas.draw_brows()
    canvas.draw_fringe()
    return canvas.image, canvas.points


def camera(scene: Image, rng: np.random.Generator) -> Image:
    """The scene as a sensor takes it: exposure, white balance, lens blur, vignette, noise."""
    gain = rng.uniform(0.88, 1.1) * rng.uniform(0.97, 1.03, 3)
    image = cv2.GaussianBlur(scene * gain.astype(np.float32), (0, 0), rng.uniform(0.4, 0.8))
    grid = np.linspace(-1, 1, SIZE, dtype=np.float32) ** 2
    image *= (1 - rng.uniform(0, 0.12) * (grid[:, None] + grid))[..., None]
    noise = rng.standard_normal(scene.shape, dtype=np.float32)
    shot = np.sqrt(np.clip(image, 0, 255) / 255 + 0.1) * np.float32(rng.uniform(2.0, 4.0))
    noisy: Image = image + cv2.GaussianBlur(noise, (3, 3), 0.45) * shot
    return noisy


def encode(image: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 RGB (256, 256, 3) after JPEG compression of a random quality."""
    levels = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    quality = int(rng.integers(75, 96))
    _, data = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: NDArray[np.uint8] = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(decoded)


def coverage(*outlines: Points) -> Image:
    """Share of each pixel (256, 256) that lies in any of the outlines (P, 2), in pixels."""
    side = SIZE * _OVERSAMPLING
    fine = np.zeros((side, side), dtype=np.uint8)
    for outline in outlines:
        corners = ((outline + 0.5) * _OVERSAMPLING - 0.5) * (1 << _SHIFT)
        cv2.fillPoly(fine, [np.rint(corners).astype(np.int32)], 255, shift=_SHIFT)
    small = cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.multiply(small, 1 / 255, dtype=np.float32)


def smooth_curve(points: Points, *, closed: bool = True, steps: int = 8) -> Points:
    """A Catmull-Rom curve through points (P, 2)."""
    around = [points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]]
    knots = np.concatenate(around)
    before, start, end, after = knots[:-3], knots[1:-2], knots[2:-1], knots[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after
        + t * (3 * (start - end) + after - before))
    )  # (steps, P, 2)
    flat = curve.transpose(1, 0, 2).reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


def noise_field(rng: np.random.Generator, rows: int, columns: int) -> Image:
    """Smooth noise (256, 256) of about unit deviation, its grain set by the grid it starts from."""
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    field: Image = cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return field


def _ellipse(centre: Sequence[float], radii: Sequence[float]) -> Points:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.array(radii) + np.array(centre)


class _Canvas:
    """An image in the making, and the shapes of the face on it."""

    def __init__(self, person: Person, pose: Pose, rng: np.random.Generator) -> None:
        self.person, self.pose, self.rng = person, pose, rng
        self.points = pose.project(face_points(person, pose))  # (81, 2)
        rows, columns = np.mgrid[0:SIZE, 0:SIZE]
        self.units = pose.unproject(np.stack([columns, rows], axis=-1)).astype(np.float32)
        self.anchors = pose.unproject(self.points)  # landmarks in the plane of `units`
        self.image = np.zeros((SIZE, SIZE, 3), dtype=np.float32)
        self.shade = self._shading()

    def paint(self, colour: NDArray[np.floating], alpha: Image) -> None:
        """Lay a colour (3,) or picture (256, 256, 3) over the image with opacity (256, 256)."""
        self.image += alpha[..., None] * (np.asarray(colour, dtype=np.float32) - self.image)

    def blob(self, landmarks: Sequence[int], radii: tuple[float, float], lower: float = 0) -> Image:
        """A soft spot (256, 256) of peak 1 around the mean of landmarks; radii in face units."""
        centre = self.anchors[list(landmarks)].mean(axis=0) + np.array([0.0, lower])
        scaled = (self.units - centre.astype(np.float32)) / np.array(radii, dtype=np.float32)
        spot: Image = np.exp(-0.5 * np.einsum("hwc,hwc->hw", scaled, scaled))
        return spot

    def _shading(self) -> Image:
        """Light (256, 256) on an ellipsoid the size of the head."""
        x, y = self.units[..., 0] / 1.45, (self.units[..., 1] - 0.5) / 1.8
        z = np.sqrt(np.clip(1 - x * x - y * y, 0.02, None))
        light = self.pose.light
        diffuse = np.clip(x * light[0] + y * light[1] + z * light[2], 0, None)
        shade: Image = (self.pose.ambient + (1.08 - self.pose.ambient) * diffuse).astype(np.float32)
        return shade

    def draw_background(self) -> None:
        rng = self.rng
        wall = rng.uniform(40, 215, 3)
        across = np.linspace(rng.uniform(0.7, 1.1), rng.uniform(0.7, 1.1), SIZE)
        down = np.linspace(1, rng.uniform(0.75, 1.1), SIZE)
        self.image[:] = (down[:, None] * across)[..., None] * wall
        for _ in range(rng.integers(0, 4)):  # shelves, frames, doors
            x, y = rng.uniform(0, SIZE, 2)
            corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * rng.uniform(20, 150, 2)
            alpha = cv2.GaussianBlur(coverage(corner + [x, y]), (0, 0), rng.uniform(1, 5))
            self.paint(wall * rng.uniform(0.6, 1.3, 3), alpha * 0.8)
        self.image += noise_field(rng, 9, 9)[..., None] * rng.uniform(1, 6)

    def draw_body(self) -> None:
        """Hair behind the head, neck, shoulders and ears."""
        person, pose = self.person, self.pose
        volume, length = person.hair_volume, person.hair_length
        top = -person.forehead - volume
        hair = pose.project(_ellipse((0, 0.35), (person.jaw_width + 0.7 * volume, 0.35 - top)))
        side = person.jaw_width + 0.6 * volume
        fall = np.array([[-side, 0.2], [side, 0.2], [side * 0.95, length], [-side * 0.95, length]])
        self.paint(self._hair(), coverage(hair * [1, 1], smooth_curve(pose.project(fall))))
        neck = np.array([[-0.6, 1.0], [0.6, 1.0], [0.68, 2.8], [-0.68, 2.8]])
        shoulders = _ellipse((0, 4.0), (2.6, 1.65))
        self.paint(person.skin * 0.62, coverage(pose.project(neck)))
        cloth = person.clothes * (1 + 0.08 * noise_field(self.rng, 6, 20)[..., None])
        self.paint(cloth * self.shade[..., None], coverage(pose.project(shoulders)))
        ears = [_ellipse((x, 0.32), (0.13, 0.28)) for x in (-1.17, 1.17)]
        self.paint(person.skin * 0.8 * self.shade[..., None], coverage(*map(pose.project, ears)))

    def draw_skin(self) -> None:
        person = self.person
        outline = np.concatenate([self.points[:17], self.points[[78, 74, 79, 73, 72, 80, 71]]])
        outline = np.concatenate([outline, self.points[[70, 69, 68, 76, 75, 77]]])
        relief = self._relief()
        grain = 0.02 * noise_field(self.rng, 24, 24) + 0.025 * noise_field(self.rng, 128, 128)
        skin = person.skin * (self.shade * relief * (1 + grain))[..., None]
        blush = 0.16 * (self.blob([2, 31], (0.3, 0.25)) + self.blob([14, 35], (0.3, 0.25)))
        skin *= 1 - blush[..., None] * np.array([0.0, 1.0, 0.9])
        beard = person.stubble * np.clip(self.units[..., 1] - 0.75, 0, 0.5) * 2
        skin *= 1 - (beard * (1 + 0.25 * noise_field(self.rng, 128, 128)))[..., None]
        self.paint(skin, coverage(smooth_curve(outline)))

    def _relief(self) -> Image:
        """Shades (256, 256) of the sockets, the nose, the mouth and the chin, around 1."""
        side = float(np.sign(self.pose.light[0]) or 1.0)
        shadow = 31 if side > 0 else 35
        relief = np.ones((SIZE, SIZE), dtype=np.float32)
        relief -= 0.2 * self.blob([39, 27], (0.17, 0.2)) + 0.2 * self.blob([42, 27], (0.17, 0.2))
        relief -= 0.1 * self.blob(range(36, 42), (0.32, 0.17))
        relief -= 0.1 * self.blob(range(42, 48), (0.32, 0.17))
        relief -= 0.16 * self.blob([29, shadow], (0.09, 0.26))
        relief += 0.1 * self.blob([28, 29, 30], (0.07, 0.3)) + 0.1 * self.blob([30], (0.1, 0.08))
        relief -= 0.22 * self.blob([33], (0.2, 0.06), lower=0.06)
        relief -= 0.1 * self.blob([31], (0.06, 0.1), -0.04) + 0.1 * self.blob([35], (0.06, 0.1), -0.04)
        relief -= 0.14 * self.blob([57], (0.28, 0.07), lower=0.1)
        relief += 0.06 * self.blob([8], (0.25, 0.16), lower=-0.22)
        return relief

    def draw_mouth(self) -> None:
        person, light = self.person, self.shade[..., None]
        outer, inner = smooth_curve(self.points[48:60]), smooth_curve(self.points[60:68])
        sheen = 1 + 0.18 * self.blob([57, 66], (0.16, 0.04)) - 0.12 * self.blob([51], (0.4, 0.05))
        sheen += 0.04 * noise_field(self.rng, 20, 128)
        self.paint(person.lips * light * sheen[..., None], coverage(outer) * 0.85)
        self.paint(np.array([58.0, 22.0, 24.0]), coverage(inner) * 0.9)
        if self.pose.mouth_open > 0.06:
            teeth = self.points[[60, 61, 62, 63, 64]]
            low = teeth[::-1] + 0.6 * (self.points[[64, 65, 66, 67, 60]] - teeth[::-1])
            self.paint(np.array([214.0, 206.0, 192.0]) * light, coverage(np.concatenate([teeth, low])) * 0.85)
        seam = np.concatenate([self.points[60:65], self.points[[64, 63, 62, 61, 60]] + [0, 0.9]])
        self.paint(person.lips * 0.35, coverage(seam) * 0.8)

    def draw_nostrils(self) -> None:
        outlines = [
            self.pose.unproject(self.points[[a, b]]).mean(axis=0) + [0, -0.005]
            for a, b in ((31, 33), (33, 35))
        ]
        holes = [self._on_plane(_ellipse(centre, (0.062, 0.03))) for centre in outlines]
        alpha = cv2.GaussianBlur(coverage(*holes), (0, 0), 0.6)
        self.paint(self.person.skin * 0.28, alpha * 0.85)

    def draw_eyes(self) -> None:
        for first in (36, 42):
            lids = smooth_curve(self.points[first : first + 6])
            opening = coverage(lids)
            centre = self.anchors[first : first + 6].mean(axis=0) + [self.pose.gaze, -0.008]
            size = self.person.iris_size
            self.paint(np.array([226.0, 220.0, 214.0]) * self.shade[..., None] * 0.95, opening)
            for radius, colour in ((1.0, self.person.iris), (0.86, self.person.iris * 1.35), (0.45, np.zeros(3) + 12)):
                disc = self._on_plane(_ellipse(centre, (size * radius, size * radius)))
                self.paint(colour * 0.8, coverage(disc) * opening)
            glint = self._on_plane(_ellipse(centre + [0.025, -0.03], (0.016, 0.016)))
            self.paint(np.full(3, 245.0), coverage(glint) * opening)
            self._draw_lid(first, opening)

    def _draw_lid(self, first: int, opening: Image) -> None:
        """The upper lid's shadow on the eye, its lashes, and the crease above it."""
        upper = smooth_curve(self.points[first : first + 4], closed=False)
        unit = self.pose.scale
        shadow = np.concatenate([upper, upper[::-1] + [0, 0.05 * unit]])
        self.paint(np.array([60.0, 48.0, 44.0]), coverage(shadow) * opening * 0.5)
        lashes = np.concatenate([upper + [0, 0.006 * unit], upper[::-1] - [0, 0.024 * unit]])
        self.paint(self.person.hair * 0.4, coverage(lashes) * 0.85)
        crease = np.concatenate([upper - [0, 0.07 * unit], upper[::-1] - [0, 0.088 * unit]])
        self.paint(self.person.skin * 0.55, cv2.GaussianBlur(coverage(crease), (0, 0), 0.7) * 0.6)

    def draw_brows(self) -> None:
        thick = self.person.brow_thickness * self.pose.scale
        taper = np.array([[0.5], [0.9], [1.0], [0.9], [0.75]])
        down = np.array([[0.0, 1.0]])
        for line, width in ((self.points[17:22], taper), (self.points[22:27], taper[::-1])):
            upper, lower = line - 0.4 * thick * width * down, line + 0.6 * thick * width * down
            outline = smooth_curve(np.concatenate([upper, lower[::-1]]))
            strands = np.clip(0.8 + 0.22 * noise_field(self.rng, 64, 128), 0, 1)
            alpha = cv2.GaussianBlur(coverage(outline), (0, 0), 0.8) * strands
            self.paint(self.person.hair * 0.75, alpha * 0.85)

    def draw_fringe(self) -> None:
        """Hair over the forehead's upper edge; its lower line is irregular."""
        person = self.person
        x = np.linspace(-1, 1, 17)
        line = -np.sqrt(np.clip(1 - x * x, 0, 1)) * person.forehead
        line += person.fringe * (1 - x**4) * self.rng.uniform(0.7, 1.2, 17) + 0.02
        lower = np.stack([x * person.jaw_width * 1.02, line], axis=1)
        upper = lower[::-1] * [1, 0] + np.stack([0 * x, (line - 0.3 - person.fringe)[::-1]], 1)
        inside = coverage(smooth_curve(self.pose.project(np.concatenate([lower, upper]))))
        self.paint(self._hair(), cv2.GaussianBlur(inside, (0, 0), 1.0))

    def _hair(self) -> Image:
        """Strands (256, 256, 3): noise drawn out along y."""
        strands = 0.16 * noise_field(self.rng, 8, 128) + 0.1 * noise_field(self.rng, 4, 24)
        light = 0.45 + 0.6 * self.shade
        hair: Image = self.person.hair * (light * (1 + strands))[..., None]
        return hair

    def _on_plane(self, outline: Points) -> Points:
        """Face units of the plane of `units` to pixels."""
        turned = self.pose.project(np.column_stack([outline, np.zeros(len(outline))]))
        origin = self.pose.project(np.zeros((1, 3)))
        return turned - origin + np.array(self.pose.centre)
