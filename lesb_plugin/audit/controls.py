"""What an explanation has to beat: scores and maps that know nothing of the face, or everything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONSTANT",
    "ORACLE",
    "OWN",
    "PART_CONTROLS",
    "SUBSPACES",
    "TRUE_LABELS",
    "centre_map",
    "commonest",
    "constant_part",
    "map_controls",
    "part_controls",
    "random_subspaces",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

ORACLE, CONSTANT, SUBSPACES = "oracle", "constant part", "random subspaces"
TRUE_LABELS = "true labels"
OWN = "explanation"  # what is audited, where it stands among controls
PART_CONTROLS = (ORACLE, "random", CONSTANT, "centre", "part area", "shuffled parts")


def part_controls(
    z: Array, truth: Flags, areas: Array, centrality: Array, rng: np.random.Generator
) -> dict[str, Array]:
    """Part scores (n, K) by control, on z's scale: they are not standardised again.

    The oracle scores what was changed; `random` is noise; `constant part` always names the part
    that was changed most often; `centre` scores how near to the image's centre a part lies
    (`centrality` (n, K)), `part area` how large it is (`areas` (n, K)); `shuffled parts` are the
    explanation's own scores, each face's under the names of parts drawn anew.
    """
    count, parts = truth.shape
    order = rng.permuted(np.tile(np.arange(parts), (count, 1)), axis=1)
    return {
        ORACLE: truth.astype(np.float64),
        "random": rng.standard_normal((count, parts)),
        CONSTANT: constant_part(truth),
        "centre": centrality,
        "part area": areas,
        "shuffled parts": np.take_along_axis(z, order, axis=1),
    }


def constant_part(truth: Flags) -> Array:
    """(n, K) scores that always name the part that was changed most often."""
    scores = np.zeros(truth.shape)
    scores[:, commonest(truth)] = 1.0
    return scores


def commonest(truth: Flags) -> int:
    """The part that was changed most often."""
    return int(truth.sum(axis=0).argmax())


def map_controls(
    mask: Flags, constant: Flags, noise: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Maps (S, S) by control for one face: `constant` is the mask of the part always named.

    The random map is `noise` (S, S) of the explanation's own resolution.
    """
    return {
        ORACLE: mask.astype(np.float32),
        "random": noise,
        CONSTANT: constant.astype(np.float32),
        "centre": centre_map(len(mask)),
    }


def centre_map(size: int) -> NDArray[np.float32]:
    """A Gaussian about the centre, its deviation a quarter of the side."""
    place = (np.arange(size) - (size - 1) / 2.0) / (size / 4.0)
    bell = np.exp(-0.5 * place**2)
    return np.outer(bell, bell).astype(np.float32)


def random_subspaces(
    embeddings: NDArray[Any], centre: NDArray[Any], direction: Array, rank: int, parts: int,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Part scores (n, K) of K random subspaces of rank r instead of fitted ones.

    In each the score is the head's own direction, as far as it lies in that subspace:
    (V V^T w) . (e - c). All that is "local" about it is chance.
    """
    centred = embeddings.astype(np.float64) - centre
    scores = np.empty((len(centred), parts))
    for k in range(parts):
        basis, _ = np.linalg.qr(rng.standard_normal((len(direction), rank)))  # (d, r)
        scores[:, k] = centred @ (basis @ (basis.T @ direction))
    return scores
