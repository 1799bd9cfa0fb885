"""Fit `lesb_gep`: LESB's fit, with contrastive subspaces instead of Eq. 5's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.gep.detector import DETECTOR
from lesb_plugin.gep.options import GepFitOptions
from lesb_plugin.gep.subspace import Weights, contrast, contrastive_subspace, own_shares
from lesb_plugin.lesb.embedding import Embedded
from lesb_plugin.lesb.fit import fit_as
from lesb_plugin.lfd.fit import Scatters
from lesb_plugin.lfd.subspace import Scatter, Subspace
from registry import FitContext, FitReport

__all__ = ["Contrastive", "fit_gep", "weights_of"]

BLOCK = 64  # faces whose differences are held in float64 at a time

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrastive:
    """A Method; `identity` and `noise` (d, d) are S_id and S_noise."""

    identity: Matrix
    noise: Matrix
    weights: Weights

    @classmethod
    def of(cls, train: Embedded, weights: Weights) -> Contrastive:
        """Compute scatters from embeddings that the heads' training has computed anyway.

        S_noise is what the fit's pseudo-fakes do to the real of a pair: its colours, compression,
        sharpness and crop. That is all of the whole image, and what the heads are told to call
        real; it follows the recipe of the fit (`blend` or `style`) and costs no forward pass. About
        the unchanged face, as one pair per face has no mean to differ from.
        """
        return cls(identity=_identity(train), noise=_noise(train), weights=weights)

    def solve(self, scatters: Scatters, part: str, rank: int) -> Subspace:
        against = contrast(scatters, part, self.identity, self.noise, self.weights)
        return contrastive_subspace(scatters[part], against, rank)

    def diagnose(self, scatters: Scatters, rank: int) -> dict[str, Any]:
        """`own_share[part]`, (r,): the leading part of the spectrum of (S_k, sum_j S_j)."""
        ridge = self.weights.ridge
        shares = {part: own_shares(scatters, part, ridge)[:rank] for part in scatters}
        return {"own_share": {part: each.round(6).tolist() for part, each in shares.items()}}

    def record(self) -> dict[str, Any]:
        return {"method": "contrastive", **asdict(self.weights)}


def fit_gep(context: FitContext) -> FitReport:
    """Fit `lesb_gep` on real faces and write its artefact; BenchErrors say what to change."""
    options: GepFitOptions = context.options or GepFitOptions()
    weights = weights_of(options)
    return fit_as(DETECTOR, context, options, lambda train: Contrastive.of(train, weights))


def weights_of(options: GepFitOptions) -> Weights:
    """Return what a part is contrasted with, as the options of a fit say."""
    return Weights(identity=options.identity, noise=options.noise, ridge=options.ridge)


def _identity(train: Embedded) -> Matrix:
    """S_id (d, d): the faces' own embeddings about their mean."""
    centred = train.clean - train.clean.mean(axis=0, dtype=np.float64)  # (n, d)
    return np.asarray(centred.T @ centred / len(centred))


def _noise(train: Embedded) -> Matrix:
    """S_noise (d, d): the reals of each face's pairs about the face itself."""
    faces, dim = train.clean.shape
    reals = train.pairs.reshape(faces, -1, 2, dim)[:, :, 0]  # (n, draws, d): real before fake
    found = Scatter(dim, "clean")
    for start in range(0, faces, BLOCK):
        rows = slice(start, start + BLOCK)
        found.update(reals[rows], train.clean[rows])
    return found.within
