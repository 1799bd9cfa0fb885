"""A black-box attack confined to a region: natural evolution strategies (Ilyas et al., 2018)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NesRecipe", "attacked"]

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Levels = NDArray[np.int16]
Score = Callable[[Image], Array]  # images (n, S, S, 3) -> log-odds of fake (n,)


@dataclass(frozen=True, slots=True, kw_only=True)
class NesRecipe:
    """The attack of Tsigos et al., "Towards Quantitative Evaluation of Explainable AI Methods for
    Deepfake Detection" (2024); levels are of 255.
    """

    steps: int = 50
    samples: int = 40  # scores for one gradient, in pairs of mirrored noise
    sigma: float = 0.001 * 255  # of the noise, in levels
    rate: int = 1  # levels by which a step moves a value
    epsilon: int = 16  # levels that a value may end up away from where it was


def attacked(
    score: Score, image: Image, mask: NDArray[np.bool_], recipe: NesRecipe, rng: np.random.Generator
) -> Image:
    """Return the image (S, S, 3) with pixels of the mask (S, S) changed so that its score of fake
    falls.

    It ends after `steps`, or as soon as the face passes for real (log-odds below 0). Every
    scored image has 8 bits, as detectors always get: noise of a quarter of a level changes one
    value in twenty by a whole level, and the gradient uses the actual changes.
    """
    inside = np.flatnonzero(mask)
    start = image.reshape(-1, 3)[inside].astype(np.int16)  # (m, 3)
    now = start
    for _ in range(recipe.steps):
        noise = _noise((recipe.samples // 2, *start.shape), recipe.sigma, rng)
        tried = np.clip(np.concatenate([now[None], now + noise, now - noise]), 0, 255)
        found = score(_filled(image, inside, tried))  # (1 + samples,)
        if found[0] < 0:
            break
        moved = (tried[1:] - now).astype(np.float64)
        gradient = np.tensordot(found[1:] - found[0], moved, axes=1)  # (m, 3)
        downhill = now - recipe.rate * np.sign(gradient).astype(np.int16)
        now = np.clip(np.clip(downhill, start - recipe.epsilon, start + recipe.epsilon), 0, 255)
    return np.asarray(_filled(image, inside, now[None])[0])


def _noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Levels:
    noise = sigma * rng.standard_normal(shape, np.float32)
    return np.asarray(np.rint(noise), np.int16)


def _filled(image: Image, inside: NDArray[np.int64], values: Levels) -> Image:
    """Return (n, S, S, 3): the image with values (n, m, 3) in the places of m pixels."""
    out = np.repeat(image[None], len(values), axis=0)
    out.reshape(len(values), -1, 3)[:, inside] = values
    return out
