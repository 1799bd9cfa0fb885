"""Face parts as polygons of landmarks, and the soft, varied masks drawn from them (Fig. 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "STILL",
    "Jitter",
    "Region",
    "RegionSet",
    "interocular_distance",
    "load_regions",
    "part_mask",
    "part_masks",
]

Points = NDArray[np.float64]
MAX_LANDMARKS = 81
RESERVED = frozenset({"face", "whole", "whole_face", "all", "rest"})  # never names of parts


@dataclass(frozen=True, slots=True)
class Region:
    """A face part: the union of the convex hulls of `polygons`, tuples of landmark indices."""

    name: str
    polygons: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """How much a part's mask varies; lengths in inter-ocular distances (IOD)."""

    points: float = 0.02  # standard deviation of every landmark, per axis
    scale: tuple[float, float] = (0.85, 1.25)  # per axis, about the polygon's own centre
    rotation: float = 5.0  # degrees, either way
    shift: float = 0.08  # per axis, either way
    dilation: tuple[float, float] = (0.05, 0.15)
    smoothing: tuple[float, float] = (0.03, 0.10)  # sigma of the Gaussian


STILL = Jitter(
    points=0.0, scale=(1.0, 1.0), rotation=0.0, shift=0.0, dilation=(0.0, 0.0), smoothing=(0.0, 0.0)
)
"""No jitter: the mask is the hull itself, 0 or 1."""


@dataclass(frozen=True, slots=True)
class RegionSet:
    """The parts of one configuration and the jitter they share."""

    parts: tuple[Region, ...]
    jitter: Jitter

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(region.name for region in self.parts)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for JSON and YAML, which `load_regions` turns back into an equal
        set.
        """
        parts = {
            region.name: [list(polygon) for polygon in region.polygons] for region in self.parts
        }
        jitter = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self.jitter).items()
        }
        return {"parts": parts, "jitter": jitter}


# --- configuration ---------------------------------------------------------------------------


def load_regions(mapping: Mapping[str, Any]) -> RegionSet:
    """Load `{parts: {name: [[17-21, 36-41], ...]}, jitter: {...}}`; a ValueError if it is wrong."""
    _no_unknown_keys("key", mapping, ("parts", "jitter"))
    parts = mapping.get("parts")
    if not isinstance(parts, Mapping) or not parts:
        raise ValueError("regions: 'parts' must map at least one part's name to its polygons")
    regions = tuple(_region(str(name), polygons) for name, polygons in parts.items())
    return RegionSet(parts=regions, jitter=_jitter(mapping.get("jitter") or {}))


def _region(name: str, polygons: Any) -> Region:
    if not name.isidentifier():
        raise ValueError(f"part {name!r}: a name may contain letters, digits and underscores only")
    if name.lower() in RESERVED:
        raise ValueError(
            f"part {name!r}: this name is reserved for the face as a whole, or for what is"
            " in no part; choose another name"
        )
    if not isinstance(polygons, Sequence) or isinstance(polygons, str) or not polygons:
        raise ValueError(f"part {name!r}: expected a list of polygons, got {polygons!r}")
    return Region(name, tuple(_polygon(name, polygon) for polygon in polygons))


def _polygon(part: str, items: Any) -> tuple[int, ...]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ValueError(
            f"part {part!r}: expected a polygon as a list of landmark indices, got {items!r}"
        )
    indices = tuple(index for item in items for index in _indices(part, item))
    if len(set(indices)) < 3:
        raise ValueError(
            f"part {part!r}: a polygon needs at least three landmarks, got {list(indices)}"
        )
    return indices


def _indices(part: str, item: Any) -> range:
    """Read indices: `17` or `"17-21"`, both ends included."""
    first, dash, last = str(item).partition("-")
    try:
        span = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        span = range(0)
    if not span or span[-1] >= MAX_LANDMARKS:
        raise ValueError(
            f"part {part!r}: {item!r} is not a landmark index; expected 0 to"
            f" {MAX_LANDMARKS - 1}, or a range such as 17-21"
        )
    return span


def _jitter(mapping: Mapping[str, Any]) -> Jitter:
    _no_unknown_keys("jitter", mapping, tuple(field.name for field in fields(Jitter)))
    values: dict[str, Any] = {}
    for name, value in mapping.items():
        expected = getattr(Jitter(), name)
        values[name] = _pair(name, value) if isinstance(expected, tuple) else _number(name, value)
    return Jitter(**values)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"jitter {name!r}: expected a number of 0 or more, got {value!r}")
    return float(value)


def _pair(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ValueError(f"jitter {name!r}: expected [low, high], got {value!r}")
    low, high = (_number(name, end) for end in value)
    if low > high:
        raise ValueError(f"jitter {name!r}: expected low <= high, got {value!r}")
    return low, high


def _no_unknown_keys(what: str, mapping: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [str(key) for key in mapping if key not in known]
    if unknown:
        raise ValueError(f"regions: unknown {what} {unknown[0]!r}; known: {', '.join(known)}")


# --- masks -----------------------------------------------------------------------------------


def interocular_distance(landmarks: NDArray[np.floating[Any]]) -> float:
    """Return the distance between the centres of the two eyes (36-41, 42-47), in the landmarks'
    unit.
    """
    left, right = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    return float(np.hypot(*(right - left)))


def part_mask(
    landmarks: NDArray[np.floating[Any]],
    region: Region,
    size: int | tuple[int, int],
    jitter: Jitter,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return a soft mask of a part, float32 (H, W) in [0, 1] with a peak of 1 and exact zeros far
    away.

    `landmarks` are (68, 2) or (81, 2) in pixels of an image of `size` (H, W), or S for a square.
    ValueError: landmarks that are not finite, too few of them, or a part that has no pixel inside
    the image.
    """
    height, width = (size, size) if isinstance(size, int) else size
    iod = _checked_distance(landmarks, region)
    polygons = _jittered(np.asarray(landmarks, np.float64), region, jitter, iod, rng)
    radius, sigma = (
        float(rng.uniform(*ends)) * iod for ends in (jitter.dilation, jitter.smoothing)
    )
    mask = np.zeros((height, width), np.float32)
    window = _window(polygons, radius + math.ceil(3 * sigma) + 2, (height, width))
    if window is not None:
        _paste(_draw(polygons, window, radius, sigma), window, mask)
    peak = float(mask.max(initial=0.0))
    if peak <= 0:
        raise ValueError(
            f"part {region.name!r} has no pixel inside the {width}x{height} image: its landmarks "
            f"span x {_span(polygons, 0)}, y {_span(polygons, 1)}"
        )
    mask /= peak
    return mask


def part_masks(
    landmarks: NDArray[np.floating[Any]],
    regions: RegionSet,
    size: int | tuple[int, int],
    jitter: Jitter,
) -> NDArray[np.float32]:
    """Return `part_mask` of every part, (K, H, W), without jitter."""
    rng = np.random.default_rng(0)
    return np.stack([part_mask(landmarks, part, size, jitter, rng) for part in regions.parts])


def _checked_distance(landmarks: NDArray[np.floating[Any]], region: Region) -> float:
    last = max(max(polygon) for polygon in region.polygons)
    if landmarks.ndim != 2 or landmarks.shape[1] != 2 or len(landmarks) <= max(last, 47):
        raise ValueError(
            f"part {region.name!r} needs landmarks up to number {max(last, 47)}; "
            f"got an array of shape {landmarks.shape}"
        )
    iod = interocular_distance(landmarks)
    if not np.isfinite(landmarks).all() or iod <= 0:
        raise ValueError("landmarks must be finite numbers, and the two eyes must not coincide")
    return iod


def _jittered(
    landmarks: Points, region: Region, jitter: Jitter, iod: float, rng: np.random.Generator
) -> list[Points]:
    """Return the region's hulls, (n, 2) each; one scale, rotation and shift for all of them."""
    scale = rng.uniform(*jitter.scale, size=2)
    angle = math.radians(rng.uniform(-jitter.rotation, jitter.rotation))
    shift = rng.uniform(-jitter.shift, jitter.shift, size=2) * iod
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])  # for row vectors
    hulls = []
    for polygon in region.polygons:
        points = landmarks[list(polygon)]  # (n, 2)
        points = points + rng.normal(0.0, jitter.points * iod, points.shape)
        centre = points.mean(axis=0)
        points = (points - centre) * scale @ turn + centre + shift
        hull = cv2.convexHull(points.astype(np.float32))  # (n, 1, 2)
        hulls.append(hull[:, 0].astype(np.float64))
    return hulls


Window = tuple[int, int, int, int]


def _window(polygons: list[Points], reach: float, size: tuple[int, int]) -> Window | None:
    """Return the rectangle (x0, y0, x1, y1) that must be drawn, or None if it misses the image.

    It may stick out of the image by `reach`, so that smoothing at the border sees what lies beyond.
    """
    points = np.concatenate(polygons)
    low = np.floor(points.min(axis=0) - reach)
    high = np.ceil(points.max(axis=0) + reach) + 1
    edge = np.array(size[::-1], np.float64)
    if (low >= edge).any() or (high <= 0).any():
        return None
    low, high = np.maximum(low, -math.ceil(reach)), np.minimum(high, edge + math.ceil(reach))
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


_FRACTION = 4  # bits behind the binary point of drawn coordinates
_FAR = 1 << 14  # a vertex further away than this overflows the drawing's integers


def _draw(
    polygons: list[Points], window: Window, radius: float, sigma: float
) -> NDArray[np.float32]:
    """Return the dilated, smoothed union of convex polygons, on the window's pixels."""
    x0, y0, x1, y1 = window
    canvas = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for polygon in polygons:
        inside = np.clip(polygon - (x0, y0), -_FAR, _FAR)
        corners = np.rint(inside * (1 << _FRACTION)).astype(np.int32)
        cv2.fillConvexPoly(canvas, corners, 1, shift=_FRACTION)
        # A convex polygon dilated by a disc is itself plus an outline as thick as the disc.
        thickness = max(1, round(2 * radius) - 1)  # OpenCV fills every pixel that a line touches
        cv2.polylines(canvas, [corners], True, 1, thickness, shift=_FRACTION)
    kernel = 2 * math.ceil(3 * sigma) + 1
    soft: NDArray[np.float32] = cv2.GaussianBlur(canvas.astype(np.float32), (kernel, kernel), sigma)
    return soft


def _paste(patch: NDArray[np.float32], window: Window, mask: NDArray[np.float32]) -> None:
    """Write the part of `patch` that lies inside the image into `mask`."""
    x0, y0, x1, y1 = window
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x1, mask.shape[1]), min(y1, mask.shape[0])
    mask[top:bottom, left:right] = patch[top - y0 : bottom - y0, left - x0 : right - x0]


def _span(polygons: list[Points], axis: int) -> str:
    values = np.concatenate(polygons)[:, axis]
    return f"{values.min():.0f} to {values.max():.0f}"
