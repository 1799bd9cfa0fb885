"""Controls that an explanation must beat: baselines that ignore the face, or an oracle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONSTANT",
    "EDGES",
    "ORACLE",
    "OWN",
    "PART_CONTROLS",
    "SHUFFLED",
    "SUBSPACES",
    "TRUE_LABELS",
    "centre_map",
    "commonest",
    "constant_alarm",
    "constant_part",
    "edge_map",
    "map_controls",
    "part_controls",
    "part_edges",
    "shuffled",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Image = NDArray[np.uint8]

ORACLE, CONSTANT, SUBSPACES = "oracle", "constant part", "random subspaces"
TRUE_LABELS = "true labels"
OWN = "explanation"  # what is audited, where it stands among controls
SHUFFLED, EDGES = "shuffled parts", "edges of the image"
PART_CONTROLS = (ORACLE, "random", CONSTANT, "centre", "part area", SHUFFLED)


def part_controls(
    z: Array, truth: Flags, areas: Array, centrality: Array, rng: np.random.Generator
) -> dict[str, Array]:
    """Return part scores (n, K) by control, on z's scale: they are not standardised again.

    The oracle scores what was changed; `random` is noise; `constant part` always names the part
    that was changed most often; `centre` scores how near to the image's centre a part lies
    (`centrality` (n, K)), `part area` how large it is (`areas` (n, K)); `shuffled parts` are the
    explanation's own scores, each face's under the names of parts drawn anew.
    """
    count, parts = truth.shape
    named_anew = shuffled(z, rng)
    return {
        ORACLE: truth.astype(np.float64),
        "random": rng.standard_normal((count, parts)),
        CONSTANT: constant_part(truth),
        "centre": centrality,
        "part area": areas,
        SHUFFLED: named_anew,
    }


def shuffled(z: Array, rng: np.random.Generator) -> Array:
    """Return the scores (n, K) of each face under a random order of the parts' names."""
    count, parts = z.shape
    order = rng.permuted(np.tile(np.arange(parts), (count, 1)), axis=1)
    return np.take_along_axis(z, order, axis=1)


def constant_part(truth: Flags) -> Array:
    """Return (n, K) scores that always name the part that was changed most often."""
    scores = np.zeros(truth.shape)
    scores[:, commonest(truth)] = 1.0
    return scores


def constant_alarm(truth: Flags, real: Flags) -> Array:
    """Return `constant_part` for fakes, and 0 for the reals (n,), so that it exceeds all of
    theirs.

    For statistics that ask which parts score unlike reals: a score that reals have as well would
    point nothing out.
    """
    return np.where(real[:, None], 0.0, constant_part(truth))


def commonest(truth: Flags) -> int:
    """Return the part that was changed most often."""
    return int(truth.sum(axis=0).argmax())


def map_controls(
    mask: Flags, constant: Flags, noise: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Return maps (S, S) by control for one face: `constant` is the mask of the part always named.

    The random map is `noise` (S, S) of the explanation's own resolution.
    """
    return {
        ORACLE: mask.astype(np.float32),
        "random": noise,
        CONSTANT: constant.astype(np.float32),
        "centre": centre_map(len(mask)),
    }


def centre_map(size: int) -> NDArray[np.float32]:
    """Return a Gaussian about the centre, its deviation a quarter of the side."""
    place = (np.arange(size) - (size - 1) / 2.0) / (size / 4.0)
    bell = np.exp(-0.5 * place**2)
    return np.outer(bell, bell).astype(np.float32)


def edge_map(image: Image) -> NDArray[np.float32]:
    """Return the length (S, S) of the gradient of an image (S, S, 3)."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.asarray(slope, np.float32)


def part_edges(image: Image, masks: Flags) -> Array:
    """Return means (K,) of `edge_map` inside masks (K, S, S); NaN in an empty one."""
    slope = edge_map(image)
    return np.array([slope[mask].mean() if mask.any() else np.nan for mask in masks], np.float64)
