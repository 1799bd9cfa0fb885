"""Random subspaces instead of fitted ones: scores of parts that are local by chance alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.fitted import FittedLesb
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.roi.fitted import FittedRoi
from registry import Backbone

__all__ = ["RandomSubspaces", "rank_beside", "whole_direction"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RandomSubspaces:
    """K scores, each of the whole face's head as far as its direction w lies in a random subspace.

    `directions` (K, d) are V V^T w for a basis V (d, r) each. All that is "local" about the scores
    is chance.
    """

    directions: Array

    @classmethod
    def drawn(
        cls, direction: NDArray[Any], rank: int, parts: int, rng: np.random.Generator
    ) -> RandomSubspaces:
        """Draw K subspaces of `rank` directions for a head's direction (d,)."""
        whole = np.asarray(direction, np.float64)
        drawn = np.empty((parts, len(whole)))
        for k in range(parts):
            basis, _ = np.linalg.qr(rng.standard_normal((len(whole), rank)))  # (d, r)
            drawn[k] = basis @ (basis.T @ whole)
        return cls(drawn)

    def __call__(self, embeddings: NDArray[np.floating]) -> Array:
        """Return (n, K) scores for what a detector embeds (n, D); the first d numbers are the
        embedding.

        They are not centred, which is a constant for each part.
        """
        whole = embeddings[:, : self.directions.shape[1]].astype(np.float64)
        return np.asarray(whole @ self.directions.T)


def rank_beside(model: FittedLesb | FittedRoi, dim: int) -> int:
    """Return how many directions the random subspaces of an embedding (d,) have.

    As many as the fitted ones of `lesb`. `lesb_roi` has none: its scores are local because features
    are pooled part by part, and heads in random subspaces of those would be so too. What it is
    compared with is what `lesb` is: the embedding of the whole face, in as many directions as
    `lesb` keeps by default, in no more than half of all.
    """
    if isinstance(model, FittedLesb):
        return model.lfd.rank
    return max(1, min(LesbFitOptions().rank, dim // 2))


def whole_direction(model: FittedLesb | FittedRoi, backbone: Backbone) -> NDArray[Any] | None:
    """Return (d,) of the head on the whole embedding, the probe or the backbone's; None if not
    linear.
    """
    probe = model.probe if isinstance(model, FittedLesb) else model.model.probe
    return backbone.head_direction() if probe is None else probe.weight
