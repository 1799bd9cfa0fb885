"""Contrastive subspaces of face parts: a generalised eigenproblem instead of Eq. 5.

An embedding that is a mean over the face moves along much the same directions whichever part is
changed, and those lead Eq. 5 for every part. Here a direction v of part k counts by
v^T S_k v / v^T N_k v: how far the part's changes move an embedding along it, over how far the
other parts' changes do, the differences between faces, and what is done to whole images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lesb_plugin.lfd.subspace import Scatter, Subspace, check_freedom, check_varied, fix_signs

__all__ = ["Weights", "contrast", "contrastive_subspace", "directions", "own_shares"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a part is contrasted with besides the other parts, each of which weighs 1."""

    identity: float  # b, of the differences between real faces
    noise: float  # n, of changes of the whole image that are no forgery
    ridge: float  # g > 0, of all directions alike, in units of a mean eigenvalue


def contrast(
    scatters: Mapping[str, Scatter], part: str, identity: Matrix, noise: Matrix, weights: Weights
) -> Matrix:
    """N_k = sum_{j != k} S_j + b S_id + n S_noise + g I / d, all of trace 1; positive definite."""
    total = weights.identity * _of_unit_trace(identity) + weights.noise * _of_unit_trace(noise)
    for other, scatter in scatters.items():
        if other != part:
            total += _of_unit_trace(scatter.within)
    return _ridged(total, weights.ridge)


def directions(inside: Matrix, against: Matrix) -> tuple[Matrix, Matrix]:
    """All solutions of S v = lambda N v: lambda (d,) descending, and v (d, d) with v^T N v = 1.

    `inside` S is symmetric (d, d), `against` N is positive definite too.
    """
    values, vectors = scipy.linalg.eigh(inside, against)  # ascending
    return values[::-1], vectors[:, ::-1]


def contrastive_subspace(scatter: Scatter, against: Matrix, rank: int) -> Subspace:
    """Return the span of the `rank` leading directions of S_k, of trace 1, against N_k (d, d).

    The directions are orthogonal in N_k's metric, not in that of embeddings, so the basis is an
    orthonormal one of the same span: its first j columns span the first j directions, for every j.
    ValueError: a rank that S_k cannot support, as in `fit_subspace`.
    """
    check_freedom(scatter, rank)
    inside = _of_unit_trace(scatter.within)
    # S_k has as many eigenvalues above 0 as S_k against N_k, and rounding blurs them less.
    check_varied(scipy.linalg.eigvalsh(inside), rank)
    values, vectors = directions(inside, against)
    basis = np.linalg.qr(vectors[:, :rank])[0]  # (d, r)
    return Subspace(basis=fix_signs(basis), eigenvalues=np.maximum(values, 0.0), rank=rank)


def own_shares(scatters: Mapping[str, Scatter], part: str, ridge: float) -> Matrix:
    """Return the spectrum of (S_k, sum_j S_j), all of trace 1: (d,), in [0, 1], descending.

    Near 1 for directions that the part has to itself, near 1/K for those that all K parts share.
    The ridge keeps directions in which hardly anything varies from being anyone's own.
    """
    inside = _of_unit_trace(scatters[part].within)
    total = np.sum([_of_unit_trace(scatter.within) for scatter in scatters.values()], axis=0)
    values, _ = directions(inside, _ridged(total, ridge))
    return np.clip(values, 0.0, 1.0)


def _of_unit_trace(matrix: Matrix) -> Matrix:
    """Return a copy with trace 1; a matrix without any variance stays 0."""
    trace = np.trace(matrix)
    return matrix / trace if trace > 0 else matrix.copy()


def _ridged(matrix: Matrix, ridge: float) -> Matrix:
    """Add `ridge` times the mean eigenvalue of a matrix of trace 1 to its diagonal."""
    dim = len(matrix)
    return matrix + ridge / dim * np.eye(dim)
