"""LFD on embeddings of any origin, as an estimator of scikit-learn.

K parts, N samples, M variants of each, d = length of an embedding, r = rank (the paper's d').
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from lesb_plugin.lfd.subspace import Reference, Scatter, Subspace, fit_subspace

__all__ = ["LFD", "Group"]

Matrix = NDArray[np.float64]
Group = NDArray[np.floating[Any]] | Sequence[NDArray[np.floating[Any]]]
"""Variants of N samples in which one part was changed: (N, M, d), or N arrays (M_i, d)."""

_BLOCK_ROWS = 256  # embeddings that one product adds up, so that float64 copies stay small


class LFD(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Find the directions in which embeddings move when one part of their samples changes.

    `fit` takes, for each part, several variants of every sample in which that part alone was
    changed. Their covariance within the samples is averaged over the samples (Eq. 4), and its
    `rank` leading eigenvectors span the part's subspace (Eq. 5). `transform` gives the coordinates
    of embeddings in the subspaces of all parts, side by side (Eq. 6, 7).

    Parameters: `rank` is that of each subspace; `reference` is "mean", where variants are centred
    on their sample's mean, or "clean", where they are on its unchanged embedding.

    Attributes of a fitted one, rows in the order of `get_feature_names_out`:
    `parts_` (K,) names; `components_` (K r, d), of one part orthonormal; `explained_variance_`
    (K r,) eigenvalues; `explained_variance_ratio_` (K r,), the share of the part's own variance;
    `mean_` (d,), what is taken off before projecting; `part_slices_`, the columns of each part in
    what `transform` gives; `n_features_in_`, d.
    """

    def __init__(self, rank: int = 128, *, reference: Reference = "mean") -> None:
        self.rank = rank
        self.reference = reference

    def fit(
        self,
        groups: Mapping[str, Group],
        y: object = None,  # noqa: ARG002 - scikit-learn passes it
        *,
        clean: ArrayLike | None = None,
    ) -> Self:
        """Learn a subspace for each part.

        `groups` maps names of parts to variants, an array (N, M, d) or N arrays (M_i, d). `clean`
        (n, d) are embeddings of unchanged samples: `mean_` is their mean, and without them that of
        all variants. With reference "clean" they are needed, in the order of the samples of every
        part. `y` is ignored. ValueError and TypeError name the part, and what its embeddings lack.
        """
        parts, rank = _by_part(groups), self._checked_rank()
        dim = next(iter(parts.values()))[0].shape[-1]
        unchanged = None if clean is None else _unchanged(clean, dim)
        scatters = {part: Scatter(dim, self.reference) for part in parts}
        subspaces = {}
        for part, blocks in parts.items():
            try:
                self._add(scatters[part], blocks, unchanged)
                subspaces[part] = fit_subspace(scatters[part], rank)
            except ValueError as error:
                raise ValueError(f"part {part!r}: {error}") from error
        self.mean_ = _mean_of_all(parts) if unchanged is None else unchanged.mean(axis=0)
        self.n_features_in_ = dim
        self._keep(subspaces)
        return self

    def transform(self, X: ArrayLike) -> Matrix:
        """Return local embeddings (n, K r) of embeddings (n, d), in the order of `parts_`."""
        check_is_fitted(self)
        if isinstance(X, Mapping):
            raise TypeError(
                "transform takes embeddings (n, d), not groups of variants, which are for"
                " fit; call fit(groups), then transform(embeddings)"
            )
        embeddings = self._checked(X, self.n_features_in_)
        return np.asarray((embeddings - self.mean_) @ self.components_.T)

    def inverse_transform(self, X: ArrayLike) -> Matrix:
        """Reconstruct embeddings (n, d) from coordinates (n, K r), the shortest way from `mean_`.

        An embedding comes back as its projection onto all subspaces together. Parts may share
        directions: coordinates that disagree there are met as well as they can be.
        """
        check_is_fitted(self)
        local = self._checked(X, len(self.components_))
        # Directions that parts share have singular values of rounding errors.
        least = max(self.components_.shape) * np.finfo(np.float64).eps
        return np.asarray(local @ np.linalg.pinv(self.components_.T, rcond=least) + self.mean_)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return `eyes_0`, `eyes_1` and so on, (K r,); names of the embedding's features are
        ignored.
        """
        check_is_fitted(self)
        rank = len(self.components_) // len(self.parts_)
        names = [f"{part}_{number}" for part in self.parts_ for number in range(rank)]
        return np.array(names, dtype=object)

    def _keep(self, subspaces: Mapping[str, Subspace]) -> None:
        rank = next(iter(subspaces.values())).rank
        self.parts_ = np.array(list(subspaces), dtype=object)
        self.part_slices_ = {
            part: slice(k * rank, (k + 1) * rank) for k, part in enumerate(subspaces)
        }
        found = subspaces.values()
        self.components_ = np.concatenate([each.basis.T for each in found])
        self.explained_variance_ = np.concatenate([each.eigenvalues[:rank] for each in found])
        totals = np.repeat([each.eigenvalues.sum() for each in found], rank)
        self.explained_variance_ratio_ = self.explained_variance_ / totals

    def _add(self, scatter: Scatter, blocks: list[Matrix], unchanged: Matrix | None) -> None:
        """Add blocks (n, M, d) of one part, whose samples follow each other."""
        reference = unchanged if self.reference == "clean" else None
        samples = sum(len(block) for block in blocks)
        given = 0 if reference is None else len(reference)
        if self.reference == "clean" and given != samples:
            raise ValueError(
                f"reference 'clean' needs the clean embedding of each of its {samples}"
                f" samples, got {given}; pass fit(groups, clean=embeddings), or use"
                " reference='mean'"
            )
        for block in blocks:
            at = slice(scatter.images, scatter.images + len(block))
            scatter.update(block, None if reference is None else reference[at])

    def _checked_rank(self) -> int:
        if not isinstance(self.rank, Integral) or isinstance(self.rank, bool):
            raise ValueError(f"rank is {self.rank!r}; it must be a whole number of directions")
        return int(self.rank)

    def _checked(self, X: ArrayLike, width: int) -> Matrix:
        """Return finite rows (n, width), float64."""
        rows: Matrix = check_array(X, dtype=np.float64, input_name="X")
        if rows.shape[1] != width:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {width}"
                " features as input"
            )
        return rows


def _mean_of_all(parts: Mapping[str, list[Matrix]]) -> Matrix:
    """Average the variants of all parts, each counting once, (d,)."""
    blocks = [block for every in parts.values() for block in every]
    total = np.sum([block.sum(axis=(0, 1), dtype=np.float64) for block in blocks], axis=0)
    return np.asarray(total / sum(block.shape[0] * block.shape[1] for block in blocks))


# --- the input of fit ------------------------------------------------------------------------


def _by_part(groups: Mapping[str, Group]) -> dict[str, list[Any]]:
    """Return blocks (n, M, d) of every part; all have one d."""
    if not isinstance(groups, Mapping):
        raise TypeError(
            "groups must map names of parts to embeddings (N, M, d) of N samples with M"
            f" variants each, for example {{'eyes': embeddings}}; got a"
            f" {type(groups).__name__}"
        )
    if not groups:
        raise ValueError("groups is empty; it must map at least one part's name to embeddings")
    found = {str(part): list(_blocks(str(part), group)) for part, group in groups.items()}
    lengths = {part: {block.shape[-1] for block in blocks} for part, blocks in found.items()}
    if len(set().union(*lengths.values())) > 1:
        listed = ", ".join(f"{part} {sorted(each)}" for part, each in lengths.items())
        raise ValueError(
            f"all embeddings must have the same length d; the lengths by part are {listed}"
        )
    return found


def _blocks(part: str, group: Group) -> Iterator[Any]:
    if isinstance(group, (list, tuple)):
        arrays = [_numbers(part, each) for each in group]
        wrong = next((each.shape for each in arrays if each.ndim != 2 or not each.size), None)
        if wrong is not None:
            raise ValueError(
                f"part {part!r}: {wrong} is not an array (M, d) of a sample's variants"
            )
        if not arrays:
            raise ValueError(f"part {part!r} has no samples")
        yield from (each[None] for each in arrays)
        return
    array = _numbers(part, group)
    if array.ndim != 3 or not array.size:
        raise ValueError(
            f"part {part!r}: embeddings must be (N, M, d), M variants of each of N"
            f" samples, or a list of N arrays (M, d); got an array of shape {array.shape}"
        )
    step = max(1, _BLOCK_ROWS // array.shape[1])
    yield from (array[at : at + step] for at in range(0, len(array), step))


def _numbers(part: str, values: object) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"part {part!r}: embeddings must be real numbers, not {array.dtype}")
    return array


def _unchanged(clean: ArrayLike, dim: int) -> Matrix:
    rows: Matrix = check_array(clean, dtype=np.float64, input_name="clean")
    if rows.shape[1] != dim:
        raise ValueError(
            f"clean has embeddings of length {rows.shape[1]}, the parts have length {dim}"
        )
    return rows
