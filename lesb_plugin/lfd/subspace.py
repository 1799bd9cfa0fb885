"""The local subspace of a face part: streaming within-image scatter and its leading eigenvectors.

N images, M variants of each, d = length of an embedding, r = rank of the subspace (the paper's d').
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Reference",
    "Scatter",
    "Subspace",
    "check_freedom",
    "check_varied",
    "fit_subspace",
    "fix_signs",
    "largest_rank",
    "too_few_directions",
    "varied_directions",
]

Matrix = NDArray[np.float64]
Reference = Literal["mean", "clean"]


class Scatter:
    """Sum of outer products of embeddings about their image's reference, float64, O(d^2) memory.

    `reference="mean"` centres on the mean over the variants of the same image (Eq. 2, 3; divisor
    N(M-1)); `"clean"` on the embedding of the unchanged image (divisor N M), which keeps the
    average shift from real to changed.
    """

    def __init__(self, dim: int, reference: Reference = "mean") -> None:
        if reference not in ("mean", "clean"):
            raise ValueError(f"reference {reference!r} is neither 'mean' nor 'clean'")
        self.dim = dim
        self.reference = reference
        self.images = 0  # N
        self.variants = 0  # N M
        self._sum: Matrix = np.zeros((dim, dim))

    @property
    def freedom(self) -> int:
        """Return the degrees of freedom: the divisor of `within`, and a bound on its rank."""
        return self.variants - self.images if self.reference == "mean" else self.variants

    @property
    def within(self) -> Matrix:
        """S_k of Eq. 4, (d, d), symmetric; a new array."""
        if self.freedom < 1:
            raise ValueError(
                f"a scatter of {self.images} images with {self.variants} variants in all has no "
                "degree of freedom; with reference 'mean' take two or more variants per image"
            )
        return self._sum / self.freedom

    def update(
        self, embeddings: NDArray[np.floating[Any]], clean: NDArray[np.floating[Any]] | None = None
    ) -> Scatter:
        """Add images: `embeddings` (n, M, d); `clean` (n, d) where the reference is "clean"."""
        if embeddings.ndim != 3 or embeddings.shape[2] != self.dim:
            raise ValueError(f"expected embeddings (n, M, {self.dim}), got {embeddings.shape}")
        if not np.isfinite(embeddings).all():
            raise ValueError("embeddings hold NaN or infinity")
        centred = embeddings - self._centres(embeddings, clean)  # (n, M, d) float64
        rows = centred.reshape(-1, self.dim)  # (n M, d)
        self._sum += rows.T @ rows
        self.images += len(embeddings)
        self.variants += len(rows)
        return self

    def merge(self, other: Scatter) -> Scatter:
        """Return the scatter of both, as a new one; what ranks of a distributed fit add up."""
        if (self.dim, self.reference) != (other.dim, other.reference):
            raise ValueError(
                f"cannot merge a scatter of dim {self.dim} about {self.reference!r} with one of "
                f"dim {other.dim} about {other.reference!r}"
            )
        both = Scatter(self.dim, self.reference)
        both._sum += self._sum
        both._sum += other._sum
        both.images = self.images + other.images
        both.variants = self.variants + other.variants
        return both

    def to_vector(self) -> Matrix:
        """Return the sum of outer products and the numbers of images and variants, (d^2 + 2,).

        Vectors of several scatters add up to that of their `merge`.
        """
        return np.append(self._sum, (self.images, self.variants))

    def of_vector(self, vector: Matrix) -> Scatter:
        """Rebuild a scatter from `to_vector`, about the same reference."""
        found = Scatter(self.dim, self.reference)
        found._sum += vector[:-2].reshape(found._sum.shape)
        found.images, found.variants = (round(count) for count in vector[-2:].tolist())
        return found

    def _centres(
        self, embeddings: NDArray[np.floating[Any]], clean: NDArray[np.floating[Any]] | None
    ) -> Matrix:
        """Return (n, 1, d)."""
        if self.reference == "mean":
            centres: Matrix = embeddings.mean(axis=1, dtype=np.float64, keepdims=True)
            return centres
        if clean is None or clean.shape != (len(embeddings), self.dim):
            shape = None if clean is None else clean.shape
            raise ValueError(
                f"reference 'clean' needs clean embeddings ({len(embeddings)}, {self.dim}), "
                f"got {shape}"
            )
        return clean.astype(np.float64)[:, None]


@dataclass(frozen=True, slots=True)
class Subspace:
    """`basis` (d, r) has orthonormal columns; `eigenvalues` (d,) are all of them, descending.

    Of what the basis is the leading subspace, they are the eigenvalues: of S_k in Eq. 5.
    """

    basis: Matrix
    eigenvalues: Matrix
    rank: int


def largest_rank(dim: int, images: int, variants: int, reference: Reference = "mean") -> int:
    """Return the largest rank that N images with M variants each can support: min(d, N(M-1))."""
    return min(dim, images * (variants - 1 if reference == "mean" else variants))


def fit_subspace(scatter: Scatter, rank: int) -> Subspace:
    """Eq. 5: the `rank` leading eigenvectors of the within-image covariance.

    ValueError: a rank beyond the data's degrees of freedom, or beyond the directions in which the
    variants differ at all (there eigenvectors would be arbitrary).
    """
    check_freedom(scatter, rank)
    values, vectors = np.linalg.eigh(scatter.within)  # ascending
    values, vectors = values[::-1], vectors[:, ::-1]
    check_varied(values, rank)
    return Subspace(
        basis=fix_signs(vectors[:, :rank]), eigenvalues=np.maximum(values, 0.0), rank=rank
    )


def check_freedom(scatter: Scatter, rank: int) -> None:
    """Raise a ValueError for a rank beyond the data's degrees of freedom."""
    limit = min(scatter.dim, scatter.freedom)
    if not 1 <= rank <= limit:
        raise ValueError(
            f"rank {rank} is not between 1 and {limit}, the smaller of the embedding's"
            f" length {scatter.dim} and the {scatter.freedom} degrees of freedom of"
            f" {scatter.images} images with {scatter.variants} variants in all; lower the"
            " rank or use more of them"
        )


def varied_directions(eigenvalues: Matrix) -> int:
    """Count directions in which the variants differ, by the eigenvalues (d,) of S_k."""
    smallest = eigenvalues.max() * len(eigenvalues) * np.finfo(np.float64).eps
    return int((eigenvalues > smallest).sum())


def check_varied(eigenvalues: Matrix, rank: int) -> None:
    """Raise a ValueError for a rank beyond the directions that vary, by the eigenvalues (d,) of
    S_k.
    """
    varied = varied_directions(eigenvalues)
    if rank > varied:
        raise ValueError(too_few_directions(f"rank {rank}", "the variants", varied))


def too_few_directions(asked: str, variants: str, varied: int) -> str:
    """Say why `asked` directions are impossible with `variants` that differ in `varied`."""
    return (
        f"{asked} cannot be used: {variants} differ in only {varied} directions;"
        " lower the rank, or use more images or stronger transforms"
    )


def fix_signs(basis: Matrix) -> Matrix:
    """Return the same axes, each with its component of largest magnitude positive; a new array."""
    largest = np.abs(basis).argmax(axis=0)  # (r,)
    signs = np.where(basis[largest, np.arange(basis.shape[1])] < 0, -1.0, 1.0)
    return np.ascontiguousarray(basis * signs)
