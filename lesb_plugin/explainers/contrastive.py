"""The explainer `contrastive`: compare a face with its nearest real faces, part by part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.target import ANY_DETECTOR, differentiable
from registry import (
    ConfigError,
    Crop,
    DataError,
    Detector,
    Explain,
    Explanation,
    LocalDetector,
    real_crops,
)

__all__ = ["Contrast", "RealFaces", "build_contrastive"]

Array = NDArray[np.float64]
_NEAREST = 3  # nearest real faces
_FEWEST = 3  # real faces below which nothing can be said of how they differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """How a face differs from its nearest real face.

    `excess`: by how many standard deviations it lies further from it than real faces do from
    theirs; `nearest`: numbers of the nearest ones; `direction`: the direction of the subspace in
    which it differs most, by `along` standard deviations of real faces.
    """

    excess: float
    nearest: tuple[int, ...]
    direction: int
    along: float


@dataclass(frozen=True, slots=True)
class RealFaces:
    """n real faces in one subspace: (n, r) in standard deviations, and these (r,) themselves.

    `usual` (n,) is how far each lies from the nearest of the others.
    """

    scaled: Array
    deviation: Array
    usual: Array

    @classmethod
    def of(cls, local: NDArray[np.floating]) -> RealFaces:
        """Standardise local embeddings (n, r); a direction in which none differs counts for
        nothing.
        """
        deviation = local.astype(np.float64).std(axis=0, ddof=1)
        deviation = np.where(deviation > 0, deviation, np.inf)
        scaled = local / deviation
        return cls(scaled, deviation, _among_themselves(scaled))

    def contrast(self, local: NDArray[np.floating]) -> Contrast:
        """Compare one face's local embedding (r,)."""
        offsets = local / self.deviation - self.scaled  # (n, r)
        far = _length(offsets)
        order = np.argsort(far, kind="stable")
        spread = float(self.usual.std(ddof=1))
        offset = offsets[order[0]]
        direction = int(np.abs(offset).argmax())
        return Contrast(
            excess=float(far[order[0]] - self.usual.mean()) / spread if spread > 0 else 0.0,
            nearest=tuple(order[:_NEAREST].tolist()),
            direction=direction,
            along=float(offset[direction]),
        )


def _among_themselves(scaled: Array) -> Array:
    """Return how far each (n,) of (n, r) lies from the nearest of the others, in little memory."""
    nearest = np.empty(len(scaled))
    for row, own in enumerate(scaled):
        far = _length(own - scaled)
        far[row] = np.inf
        nearest[row] = far.min()
    return nearest


def _length(offsets: Array) -> Array:
    """Return the root mean square over the last axis."""
    return np.asarray(np.sqrt((offsets**2).mean(axis=-1)))


def build_contrastive(detector: Detector, options: ExplainOptions | None = None) -> Explain:
    """`regions`: the excess by part; `references`: the nearest real faces of the reference data.

    A detector without subspaces is compared in its whole embedding, as "face".
    """
    options = options or ExplainOptions()
    if not hasattr(detector, "embed"):
        raise ConfigError(
            f"explainer 'contrastive' compares embeddings, and a {type(detector).__name__}"
            f" has none; {ANY_DETECTOR}"
        )
    policy = differentiable(detector, "contrastive").embedder.backbone.crop
    faces = real_crops(options.reference, policy, options.reference_faces)
    if len(faces) < _FEWEST:
        raise DataError(
            f"{len(faces)} real faces of {options.reference!r} are too few to show how"
            f" real faces differ; at least {_FEWEST} are needed"
        )
    reals = {part: RealFaces.of(local) for part, local in _local(detector, faces).items()}

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        local = _local(detector, crops) if crops else {}
        return [
            _explanation({part: reals[part].contrast(local[part][i]) for part in reals}, faces)
            for i in range(len(crops))
        ]

    return explain


def _local(detector: Detector, crops: Sequence[Crop]) -> Mapping[str, NDArray[np.float32]]:
    """Return embeddings (B, r) by part."""
    if isinstance(detector, LocalDetector):
        return detector.project(detector.embed(crops))
    embed: Callable[[Sequence[Crop]], NDArray[np.float32]] = detector.embed  # type: ignore[attr-defined]
    return {"face": embed(crops)}


def _explanation(found: Mapping[str, Contrast], faces: Sequence[Crop]) -> Explanation:
    lines = [
        f"{part}: direction {each.direction + 1} differs most, by {each.along:+.1f} standard"
        " deviations"
        for part, each in found.items()
    ]
    return Explanation(
        regions={part: each.excess for part, each in found.items()},
        note="against the nearest real face, " + "; ".join(lines),
        references={part: tuple(faces[i] for i in each.nearest) for part, each in found.items()},
    )
