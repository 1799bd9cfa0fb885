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

__all__ = ["SIZE", "camera", "coverage", "encode", "render"]

SIZE = 256
_OVERSAMPLING = 4  # shapes are filled on a grid this much finer and averaged down
_SHIFT = 4  # fractional bits of the corners of shapes
_HAIRLINE = (78, 74, 79, 73, 72, 80, 71, 70, 69, 68, 76, 75, 77)  # forehead from right to left


def render(person: Person, pose: Pose, rng: np.random.Generator) -> tuple[Image, Points]:
    """The scene before the camera, and the 81 landmarks (81, 2) in its pixels."""
    canvas = _Canvas(person, pose, rng)
    canvas.draw_background()
    canvas.draw_body()
    canvas.draw_skin()
    canvas.draw_mouth()
    canvas.draw_nostrils()
    for first in (36, 42):
        canvas.draw_eye(first)
    canvas.draw_brows()
    canvas.draw_fringe()
    return canvas.image, canvas.points


def camera(scene: Image, rng: np.random.Generator) -> Image:
    """The scene as a sensor takes it: exposure, white balance, lens blur, vignette, noise."""
    gain = rng.uniform(0.9, 1.1) * rng.uniform(0.97, 1.03, 3)
    image = cv2.GaussianBlur(scene * gain.astype(np.float32), (5, 5), rng.uniform(0.4, 0.8))
    grid = np.linspace(-1, 1, SIZE, dtype=np.float32) ** 2
    image *= (1 - np.float32(rng.uniform(0, 0.12)) * (grid[:, None] + grid))[..., None]
    np.clip(image, 0, 255, out=image)
    noise = cv2.GaussianBlur(rng.standard_normal(scene.shape, dtype=np.float32), (3, 3), 0.45)
    strength = np.float32(rng.uniform(2.0, 4.0))  # levels, at white
    noisy: Image = image + noise * cv2.sqrt(image / 255 + 0.1) * strength
    return noisy


def encode(
    image: NDArray[np.floating] | NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """uint8 RGB (256, 256, 3) after JPEG compression of a random quality."""
    levels = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    quality = int(rng.integers(75, 96))
    _, data = cv2.imencode(".jpg", levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: NDArray[np.uint8] = cv2.cvtColor(cv2.imdecode(data, 1), cv2.COLOR_BGR2RGB)
    return decoded


def coverage(*outlines: Points) -> Image:
    """Share of each pixel (256, 256) that lies in any of the outlines (P, 2), in pixels."""
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


def _smooth_curve(points: Points, *, closed: bool = True, steps: int = 8) -> Points:
    """A Catmull-Rom curve through points (P, 2)."""
    ends = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    knots = np.concatenate([ends[0], points, ends[1]])
    before, start, end, after = knots[:-3], knots[1:-2], knots[2:-1], knots[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    cubic = 3 * (start - end) + after - before
    square = 2 * before - 5 * start + 4 * end - after
    curve = start + 0.5 * t * (end - before + t * (square + t * cubic))  # (steps, P, 2)
    flat = curve.transpose(1, 0, 2).reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


def _noise(rng: np.random.Generator, rows: int, columns: int, strength: float) -> Image:
    """Smooth noise (256, 256), its grain set by the grid that it starts from."""
    grid = rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(strength)
    field: Image = cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return field


def _ellipse(centre: tuple[float, float] | Points, radii: tuple[float, float]) -> Points:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    outline: Points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii + centre
    return outline


def _band(line: Points, above: float, below: float) -> Points:
    """The outline of a stroke along a line (P, 2), from `above` to `below` it in pixels."""
    down = np.array([[0.0, 1.0]])
    return np.concatenate([line - above * down, (line + below * down)[::-1]])


class _Canvas:
    """An image in the making, and the shapes of the face on it."""

    def __init__(self, person: Person, pose: Pose, rng: np.random.Generator) -> None:
        self.person, self.pose, self.rng = person, pose, rng
        self.points = pose.project(face_points(person, pose))  # (81, 2)
        self.anchors = pose.unplace(self.points)  # landmarks in face units, head not turned
        rows, columns = np.mgrid[0:SIZE, 0:SIZE]
        self.units: Image = pose.unplace(np.stack([columns, rows], axis=-1)).astype(np.float32)
        self.image: Image = np.zeros((SIZE, SIZE, 3), dtype=np.float32)
        self.shade = self._shading()

    def paint(self, colour: NDArray[np.floating], alpha: Image, light: Image | None = None) -> None:
        """Lay a colour (3,) or a picture over the image with opacity and light (256, 256)."""
        x, y, width, height = cv2.boundingRect((alpha > 0).view(np.uint8))
        at = (slice(y, y + height), slice(x, x + width))
        layer = colour[at] if colour.ndim == 3 else colour
        if light is not None:
            layer = layer * light[at][..., None]
        self.image[at] += alpha[at][..., None] * (layer.astype(np.float32) - self.image[at])

    def spot(
        self,
        field: Image,
        strength: float,
        landmarks: Sequence[int],
        radii: tuple[float, float],
        lower: float = 0.0,
    ) -> None:
        """Add to a field (256, 256) a soft spot around the mean of landmarks, in face units."""
        centre = self.anchors[list(landmarks)].mean(axis=0) + np.array([0.0, lower])
        reach = 3 * max(radii) * self.pose.scale
        x, y = self.pose.place(centre[None])[0]
        rows = slice(max(0, int(y - reach)), max(0, int(y + reach)))
        columns = slice(max(0, int(x - reach)), max(0, int(x + reach)))
        scaled = (self.units[rows, columns] - centre.astype(np.float32)) / np.array(
            radii, np.float32
        )
        distance = scaled[..., 0] ** 2 + scaled[..., 1] ** 2
        field[rows, columns] += np.float32(strength) * np.exp(-0.5 * distance)

    def draw_background(self) -> None:
        rng = self.rng
        wall = rng.uniform(50, 205) + rng.normal(0, 16, 3)
        across = np.linspace(rng.uniform(0.7, 1.1), rng.uniform(0.7, 1.1), SIZE, dtype=np.float32)
        down = np.linspace(1, rng.uniform(0.75, 1.1), SIZE, dtype=np.float32)
        self.image[:] = (down[:, None] * across)[..., None] * wall.astype(np.float32)
        for _ in range(rng.integers(0, 4)):  # shelves, frames, doors
            corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * rng.uniform(20, 150, 2)
            inside = coverage(corners + rng.uniform(-40, SIZE, 2))
            blurred = cv2.GaussianBlur(inside, (9, 9), rng.uniform(0.5, 3))
            self.paint(wall * rng.uniform(0.6, 1.3) + rng.normal(0, 12, 3), blurred * 0.8)
        self.image += _noise(rng, 9, 9, float(rng.uniform(1, 6)))[..., None]

    def draw_body(self) -> None:
        """Hair behind the head, neck, shoulders and ears."""
        person, project = self.person, self.pose.project
        side, length = person.jaw_width + 0.65 * person.hair_volume, person.hair_length
        fall = np.array([[-1, 0.2], [1, 0.2], [0.95, length], [-0.95, length]]) * [side, 1]
        locks = [_smooth_curve(project(fall))] if length else []
        hair = coverage(project(self._scalp()), *locks)
        self.paint(self._strands(), hair, 0.3 + 0.5 * self.shade)
        neck = np.array([[-0.6, 1.0], [0.6, 1.0], [0.68, 2.8], [-0.68, 2.8]])
        self.paint(person.skin * 0.62, coverage(project(neck)))
        shoulders = coverage(project(_ellipse((0, 4.0), (2.6, 1.65))))
        self.paint(person.clothes, shoulders, self.shade + _noise(self.rng, 6, 20, 0.06))
        ears = [project(_ellipse((x, 0.32), (0.13, 0.28))) for x in (-1.17, 1.17)]
        self.paint(person.skin * 0.8, coverage(*ears), self.shade)

    def draw_skin(self) -> None:
        person, rng = self.person, self.rng
        outline = np.concatenate([self.points[:17], self.points[list(_HAIRLINE)]])
        inside = coverage(_smooth_curve(outline))
        grain = _noise(rng, 24, 24, 0.02) + _noise(rng, 128, 128, 0.025)
        beard = np.clip(self.units[..., 1] - 0.75, 0, 0.5) * np.float32(2 * person.stubble)
        light = self.shade * self._relief() * (1 + grain)
        light *= 1 - beard * (1 + _noise(rng, 128, 128, 0.25))
        self.paint(person.skin, inside, light)
        blush = np.zeros_like(inside)
        self.spot(blush, 0.16, (2, 31), (0.3, 0.25))
        self.spot(blush, 0.16, (14, 35), (0.3, 0.25))
        self.paint(person.skin * [1.0, 0.35, 0.4], blush * inside, light)

    def draw_mouth(self) -> None:
        person, points = self.person, self.points
        sheen = 1 + _noise(self.rng, 20, 128, 0.04)
        self.spot(sheen, 0.18, (57, 66), (0.16, 0.04))
        self.spot(sheen, -0.12, (51,), (0.4, 0.05))
        outer, inner = _smooth_curve(points[48:60]), _smooth_curve(points[60:68])
        self.paint(person.lips, coverage(outer) * 0.85, self.shade * sheen)
        self.paint(np.array([58.0, 22.0, 24.0]), coverage(inner) * 0.9)
        upper, lower = points[60:65], points[[60, 67, 66, 65, 64]]
        if self.pose.mouth_open > 0.06:
            teeth = np.concatenate([upper, (upper + 0.6 * (lower - upper))[::-1]])
            self.paint(np.array([214.0, 206.0, 192.0]), coverage(teeth) * 0.85, self.shade)
        self.paint(person.lips * 0.35, coverage(_band(upper, 0.0, 0.9)) * 0.8)

    def draw_nostrils(self) -> None:
        centres = (self.anchors[[31, 35]] + self.anchors[33]) / 2 - np.array([0.0, 0.005])
        holes = [self.pose.place(_ellipse(centre, (0.062, 0.03))) for centre in centres]
        self.paint(self.person.skin * 0.28, cv2.GaussianBlur(coverage(*holes), (5, 5), 0.6) * 0.85)

    def draw_eye(self, first: int) -> None:
        """The eye whose landmarks start at `first`: white, iris, pupil, glint, then the lid."""
        person = self.person
        opening = coverage(_smooth_curve(self.points[first : first + 6]))
        centre = self.anchors[first : first + 6].mean(axis=0) + np.array([self.pose.gaze, -0.008])
        self.paint(np.array([216.0, 210.0, 204.0]), opening, self.shade)
        rings = ((1.0, person.iris * 0.8), (0.86, person.iris * 1.1), (0.45, np.full(3, 10.0)))
        for share, colour in rings:
            disc = _ellipse(centre, (person.iris_size * share, person.iris_size * share))
            self.paint(colour, coverage(self.pose.place(disc)) * opening)
        glint = _ellipse(centre + np.array([0.025, -0.03]), (0.016, 0.016))
        self.paint(np.full(3, 245.0), coverage(self.pose.place(glint)) * opening)
        upper, unit = _smooth_curve(self.points[first : first + 4], closed=False), self.pose.scale
        shadow = coverage(_band(upper, 0.0, 0.05 * unit))
        self.paint(np.array([60.0, 48.0, 44.0]), shadow * opening * 0.5)
        lashes = coverage(_band(upper, 0.024 * unit, 0.006 * unit))
        self.paint(person.hair * 0.4, lashes * 0.85)
        crease = coverage(_band(upper, 0.088 * unit, -0.07 * unit))
        self.paint(person.skin * 0.55, cv2.GaussianBlur(crease, (5, 5), 0.7) * 0.6)

    def draw_brows(self) -> None:
        thick = self.person.brow_thickness * self.pose.scale
        taper = np.array([[0.5], [0.9], [1.0], [0.9], [0.75]]) * [0.0, thick]
        outlines = [
            _smooth_curve(np.concatenate([line - 0.4 * width, (line + 0.6 * width)[::-1]]))
            for line, width in ((self.points[17:22], taper), (self.points[22:27], taper[::-1]))
        ]
        strands = np.clip(0.8 + _noise(self.rng, 64, 128, 0.22), 0, 1)
        soft = cv2.GaussianBlur(coverage(*outlines), (5, 5), 0.8)
        self.paint(self.person.hair * 0.75, soft * strands * 0.85)

    def draw_fringe(self) -> None:
        """Hair from the crown down to a ragged line on the forehead."""
        person = self.person
        x = np.linspace(-0.97, 0.97, 17)
        line = person.fringe * (1 - x**4) * self.rng.uniform(0.7, 1.2, 17) + 0.02
        line -= np.sqrt(1 - x * x) * person.forehead
        ragged = _smooth_curve(np.stack([x * person.jaw_width, line], axis=1), closed=False)
        scalp = self._scalp()
        crown = scalp[scalp[:, 1] < line[0]]
        crown = crown[np.argsort(-crown[:, 0])]
        inside = coverage(self.pose.project(np.concatenate([ragged, crown])))
        soft = cv2.GaussianBlur(inside, (5, 5), 1.0)
        self.paint(self._strands(), soft, 0.45 + 0.6 * self.shade)

    def _scalp(self) -> Points:
        """Outline of the hair around the head (48, 2) in face units."""
        person = self.person
        wide = person.jaw_width + 0.65 * person.hair_volume
        return _ellipse((0, 0.35), (wide, 0.35 + person.forehead + person.hair_volume))

    def _strands(self) -> Image:
        """Hair (256, 256, 3): noise drawn out along y."""
        strands = 1 + _noise(self.rng, 8, 128, 0.16) + _noise(self.rng, 4, 24, 0.1)
        return self.person.hair.astype(np.float32) * strands[..., None]

    def _shading(self) -> Image:
        """Light (256, 256) on an ellipsoid of the size of the head."""
        x, y = self.units[..., 0] / 1.45, (self.units[..., 1] - 0.5) / 1.8
        z = np.sqrt(np.clip(1 - x * x - y * y, 0.02, None))
        light = self.pose.light
        diffuse = np.clip(x * light[0] + y * light[1] + z * light[2], 0, None)
        ambient = self.pose.ambient
        shade: Image = (ambient + (1.08 - ambient) * diffuse).astype(np.float32)
        return shade

    def _relief(self) -> Image:
        """Shades (256, 256) of sockets, nose, mouth and chin, around 1."""
        dark_side = 31 if self.pose.light[0] > 0 else 35
        relief = np.ones((SIZE, SIZE), dtype=np.float32)
        self.spot(relief, -0.2, (39, 27), (0.17, 0.2))
        self.spot(relief, -0.2, (42, 27), (0.17, 0.2))
        self.spot(relief, -0.1, range(36, 42), (0.32, 0.17))
        self.spot(relief, -0.1, range(42, 48), (0.32, 0.17))
        self.spot(relief, -0.16, (29, dark_side), (0.09, 0.26))
        self.spot(relief, 0.1, (28, 29, 30), (0.07, 0.3))
        self.spot(relief, 0.1, (30,), (0.1, 0.08))
        self.spot(relief, -0.1, (31,), (0.06, 0.1), -0.04)
        self.spot(relief, -0.1, (35,), (0.06, 0.1), -0.04)
        self.spot(relief, -0.22, (33,), (0.2, 0.06), 0.06)
        self.spot(relief, -0.14, (57,), (0.28, 0.07), 0.1)
        self.spot(relief, 0.06, (8,), (0.25, 0.16), -0.22)
        return relief
