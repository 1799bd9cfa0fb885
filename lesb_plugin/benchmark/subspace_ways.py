"""A local subspace from embeddings that arrive in blocks: LFD's scatter, and IncrementalPCA."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import IncrementalPCA

from lesb_plugin.lfd.subspace import Scatter, fit_subspace

__all__ = ["SubspaceTrial"]

_SPREAD = 40.0  # directions over which the variance of the drawn embeddings falls to a third


@dataclass(frozen=True, kw_only=True)
class SubspaceTrial:
    """Drawn embeddings of variants of images, (images, variants, dim), to find `rank` of."""

    dim: int = 1280
    images: int = 128
    variants: int = 16
    rank: int = 128
    block: int = 16  # images that arrive at once: `rank` rows at least, or IncrementalPCA fails

    def embeddings(self) -> NDArray[np.float32]:
        """Draw them: about each image's own mean, with a variance that falls off."""
        rng = np.random.default_rng(0)
        scale = np.exp(-np.arange(self.dim) / _SPREAD) + 0.01
        noise = rng.standard_normal((self.images, self.variants, self.dim)) * scale
        means = rng.standard_normal((self.images, 1, self.dim))
        return (means + noise).astype(np.float32)

    def by_scatter(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the basis (dim, rank) as `bench fit` finds it."""
        scatter = Scatter(self.dim)
        for start in range(0, self.images, self.block):
            scatter.update(embeddings[start : start + self.block])
        return fit_subspace(scatter, self.rank).basis

    def by_incremental_pca(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the basis (dim, rank) by scikit-learn, of rows about the mean of their image."""
        pca = IncrementalPCA(n_components=self.rank)
        for start in range(0, self.images, self.block):
            block = embeddings[start : start + self.block].astype(np.float64)
            centred = block - block.mean(axis=1, keepdims=True)
            pca.partial_fit(centred.reshape(-1, self.dim))
        basis: NDArray[np.float64] = pca.components_.T
        return basis
