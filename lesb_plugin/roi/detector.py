"""`lesb_roi`: LESB whose part scores localise. A head sees its part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lesb.fitted import embedder_and_artefact, face_logits
from lesb_plugin.lfd.artefact import check_precision
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.roi.encoding import RoiEncoder
from lesb_plugin.roi.fitted import FittedRoi, load_fitted
from registry import Crop, DataError, DetectorContext, Embedder, Scores

__all__ = ["DETECTOR", "RoiDetector", "build_roi"]

DETECTOR = "lesb_roi"


class RoiDetector:
    """An EmbeddingDetector; `fake` is the head's logit with the most suspicious part's added.

    `regions` are calibrated chances that a part was changed. Variant: `head`, the backbone's own
    head or the probe in its place. A crop that a part lies outside of has an embedding of NaN.
    """

    explained_by = "part_heads"
    concurrent = True

    def __init__(self, embedder: Embedder, fitted: FittedRoi) -> None:
        self.model = fitted
        self.parts = fitted.model.regions.names
        self.head_kind: str = fitted.record["head"]
        self.trained_on: tuple[str, ...] = tuple(fitted.record["datasets"])
        self.embedder = embedder
        self._encode = RoiEncoder(embedder, fitted.model.regions)
        self.encoder: str = self._encode.encoder

    @property
    def fitted(self) -> dict[str, Any]:
        """Describe the fit in plain data, for a result's record."""
        return {DETECTOR: dict(self.model.record)}

    @property
    def regions(self) -> RegionSet:
        """Return the parts that it was fitted with."""
        return self.model.model.regions

    @property
    def val_reals(self) -> Scores:
        """Return scores of the real faces of the val split that it was fitted with."""
        reals = self.model.reals
        return Scores(fake=reals.fused, regions=dict(zip(self.parts, reals.parts, strict=True)))

    @property
    def val_sharpness(self) -> NDArray[np.float64] | None:
        """Return the sharpness of the images of `val_reals`; None for fits of earlier versions."""
        return self.model.reals.sharpness

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return (B, d + K C); DataError for a crop without landmarks."""
        landmarks = [_landmarks(crop) for crop in crops]
        return self._encode(np.stack([crop.image for crop in crops]), landmarks)

    def part_maps(self, crops: Sequence[Crop]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what is pooled: maps (B, C, h, w) and weights (B, K, h, w) of the parts.

        Weights are NaN where a part lies outside of the crop.
        """
        landmarks = [_landmarks(crop) for crop in crops]
        _, maps, weights = self._encode.seen(np.stack([crop.image for crop in crops]), landmarks)
        return maps, weights

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        scores = self.model.model.scores_of(embeddings, self.embedder)
        return Scores(
            fake=scores.fused,
            regions=dict(zip(self.parts, scores.parts, strict=True)),
            variants={"head": scores.head},
        )

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Return the logit (B,), as "face", of the head on the whole embedding (B, d)."""
        return {"face": face_logits(self.embedder.backbone, self.model.model.probe, embedding)}


def build_roi(context: DetectorContext) -> RoiDetector:
    """Build `lesb_roi` from its artefact, which must be fitted on this backbone."""
    embedder, artefact = embedder_and_artefact(DETECTOR, context)
    fitted = load_fitted(artefact, embedder.backbone)
    check_precision(artefact, fitted.record["precision"], embedder)
    return RoiDetector(embedder, fitted)


def _landmarks(crop: Crop) -> NDArray[np.float32]:
    if crop.landmarks is None:
        raise DataError(
            f"detector {DETECTOR!r} scores face parts and needs landmarks, and the face in"
            f" {crop.dataset}/{crop.video} frame {crop.frame} has none; with --crop-from"
            " auto they are read from the data, or found if it has none: --landmarks FILE"
            " names the landmark predictor, --face-detector the face detector"
        )
    return crop.landmarks
