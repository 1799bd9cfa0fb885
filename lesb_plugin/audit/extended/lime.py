"""LIME for images: which segments carry a score, by a weighted fit (Ribeiro et al., 2016)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["coalition_samples", "lime_weights", "part_means", "segment_means", "slic_segments"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SEGMENTS = 50
_WIDTH = 0.25  # of LIME's kernel, for images
_RIDGE = 1.0


def slic_segments(image: NDArray[np.uint8], count: int = SEGMENTS) -> NDArray[np.int64]:
    """Return indices (S, S) of about `count` superpixels (SLIC, Achanta et al., 2012)."""
    from skimage.segmentation import slic

    found = slic(image, n_segments=count, start_label=0)
    return np.asarray(np.unique(found, return_inverse=True)[1].reshape(found.shape), np.int64)


def segment_means(heat: NDArray[np.floating], segments: NDArray[np.int64]) -> Array:
    """Return the mean (P,) of a map (S, S) in each of P segments."""
    sums = np.bincount(segments.ravel(), weights=heat.ravel().astype(np.float64))
    return np.asarray(sums / np.bincount(segments.ravel()))


def part_means(weights: Array, segments: NDArray[np.int64], masks: Flags) -> Array:
    """Return the mean (K,) over masks (K, S, S) of what each pixel's segment adds (P,)."""
    heat = weights[segments]  # (S, S)
    return np.array([heat[mask].mean() for mask in masks])


def coalition_samples(count: int, segments: int, rng: np.random.Generator) -> Flags:
    """Return (count, P): which segments stay, each with a chance of one half; in row 0 all."""
    coalitions = rng.random((count, segments)) < 0.5
    coalitions[0] = True
    return coalitions


def lime_weights(coalitions: Flags, scores: Array) -> Array:
    """Return (P,) what each segment adds to the score, of samples `kept` (n, P) and their scores
    (n,).

    Ridge regression; a sample weighs exp(-d^2 / (2 width^2)), d its cosine distance from the whole
    image. The same fit as that of the package `lime`, and of captum's Lime with this kernel.
    """
    from sklearn.linear_model import Ridge

    cosine = np.sqrt(coalitions.mean(axis=1))  # of (n, P) zeros and ones with all ones
    weight = np.exp(-((1.0 - cosine) ** 2) / (2.0 * _WIDTH**2))
    model = Ridge(alpha=_RIDGE).fit(coalitions.astype(np.float64), scores, sample_weight=weight)
    return np.asarray(model.coef_, np.float64)
