"""Draw the video codec that an image goes through."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from registry import CODECS, Coding, Motion

__all__ = ["draw_coding"]

# The in-loop deblocking filter is on in all of them (`ultrafast` of x264 switches it off, which
# leaves an image that no platform delivers). Slower presets of x265 cost 20 ms per image.
_PRESETS = {
    "h264": ("superfast", "veryfast", "faster", "fast", "medium"),
    "hevc": ("ultrafast",),
    "mpeg4": ("",),
    "vp9": ("",),
}
_BLOCK = 16  # pixels: offsets of the codec's grid below this are all that differ


def draw_coding(weights: Mapping[str, float], moving: float, rng: np.random.Generator) -> Coding:
    """Draw a coding: a codec by weight, one of moving frames with probability `moving`."""
    names = [name for name in CODECS if weights.get(name, 0.0) > 0]
    chances = np.array([weights[name] for name in names])
    codec = names[int(rng.choice(len(names), p=chances / chances.sum()))]
    preset = _PRESETS[codec][int(rng.integers(len(_PRESETS[codec])))]
    strength, moves = float(rng.random()), rng.random() < moving
    rows, columns = rng.integers(_BLOCK, size=2).tolist()
    motion = _draw_motion(rng)
    return Coding(
        codec=codec,
        strength=strength,
        preset=preset,
        offset=(rows, columns),
        motion=motion if moves else None,
    )


def _draw_motion(rng: np.random.Generator) -> Motion:
    """Draw the motion of a talking head: about a pixel per frame at 250 px, seldom more."""
    frames = int(rng.integers(2, 7))
    dx, dy = rng.normal(0.0, 0.004, 2).tolist()
    return Motion(
        frames=frames,
        at=int(rng.integers(1, frames)),
        drift=(dx, dy),
        turn=float(rng.normal(0.0, 0.25)),
        growth=float(rng.normal(0.0, 0.003)),
    )
