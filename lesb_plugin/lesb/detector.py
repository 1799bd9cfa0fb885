"""LESB: every face part scores the face separately, and the scores are fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.fitted import (
    LESB,
    FittedLesb,
    check_detector,
    embedder_and_artefact,
    face_logits,
    head_logits,
    load_fitted,
)
from lesb_plugin.lesb.fusion import FUSIONS, fuse
from lesb_plugin.lesb.heads import fold
from lesb_plugin.lesb.options import LesbOptions
from lesb_plugin.lfd.artefact import check_precision
from lesb_plugin.lfd.regions import RegionSet
from registry import Crop, DetectorContext, Embedder, Scores

__all__ = ["NAME", "LesbDetector", "build_as", "build_lesb"]

NAME = LESB


class LesbDetector:
    """An EmbeddingDetector; `fake` is the fusion of the parts' scores p_k = sigmoid(logit_k).

    Variants: `head`, the backbone's own head or the probe in its place, and with the option
    `fusion="all"` every other fusion by its name.
    """

    concurrent = True

    def __init__(self, embedder: Embedder, fitted: FittedLesb, options: LesbOptions) -> None:
        self.model = fitted
        self.encoder: str = embedder.encoder
        self.parts = fitted.lfd.parts
        self.main = "mean" if options.fusion == "all" else options.fusion
        self.others = tuple(f for f in FUSIONS if options.fusion == "all" and f != self.main)
        self.vote_variants = frozenset(
            (fitted.detector if fusion == self.main else fusion)
            for fusion in (self.main, *self.others)
            if fusion == "vote"
        )
        self.head_kind: str = fitted.record["head"]
        self.trained_on: tuple[str, ...] = tuple(fitted.record["datasets"])
        self.embedder = embedder
        bases = np.stack([fitted.lfd.bases[part] for part in self.parts])  # (K, d, r)
        self._heads = fold(fitted.heads, bases, fitted.lfd.mean)
        self._tensors = self._heads.to(embedder.device)

    @property
    def fitted(self) -> dict[str, Any]:
        """Describe the fit in plain data, for a result's record."""
        record = dict(self.model.record)
        return {"lfd": dict(self.model.lfd.provenance), self.model.detector: record}

    @property
    def regions(self) -> RegionSet:
        """Return the parts that it was fitted with."""
        return self.model.lfd.regions

    @property
    def val_reals(self) -> Scores:
        """Return scores of the real faces of the val split that it was fitted with."""
        parts = self.model.reals.parts
        return Scores(
            fake=fuse(parts, self.main), regions=dict(zip(self.parts, parts, strict=True))
        )

    @property
    def val_sharpness(self) -> NDArray[np.float64] | None:
        """Return the sharpness of the images of `val_reals`; None for fits of earlier versions."""
        return self.model.reals.sharpness

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return (B, d)."""
        return self.embedder(np.stack([crop.image for crop in crops]))

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        """Return scores of embeddings (B, d): three small matrix products, in float64."""
        parts = expit(self._heads.logits(embeddings))  # (K, B)
        variants = {"head": expit(head_logits(self.embedder, self.model.probe, embeddings))}
        variants |= {fusion: fuse(parts, fusion) for fusion in self.others}
        return Scores(
            fake=fuse(parts, self.main),
            regions=dict(zip(self.parts, parts, strict=True)),
            variants=variants,
        )

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Return logits (B,) of the parts' heads, and as "face" of the head on the whole
        embedding.
        """
        parts = self._tensors.logits(embedding)  # (K, B)
        face = face_logits(self.embedder.backbone, self.model.probe, embedding)
        return {**dict(zip(self.parts, parts, strict=True)), "face": face}

    def project(self, embeddings: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return local embeddings (B, r) by part."""
        return self.model.lfd.project(embeddings)


def build_lesb(context: DetectorContext) -> LesbDetector:
    """Build LESB from its artefact, which must be fitted on this backbone."""
    return build_as(NAME, context)


def build_as(name: str, context: DetectorContext) -> LesbDetector:
    """Return the detector `name`, which scores as LESB does, from an artefact of its own."""
    embedder, artefact = embedder_and_artefact(name, context)
    fitted = load_fitted(artefact, embedder.backbone)
    check_detector(artefact, fitted, name)
    check_precision(artefact, fitted.lfd.provenance["precision"], embedder)
    return LesbDetector(embedder, fitted, context.options or LesbOptions())
