"""The detectors that the host brings: the backbone's own head, and noise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from registry.contracts.backbone import Backbone
from registry.contracts.detector import DetectorContext
from registry.contracts.embedder import Embedder
from registry.contracts.types import Crop, Scores
from registry.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["LinearDetector", "RandomDetector", "build_linear", "build_random"]


class LinearDetector:
    """The fake/real head that comes with the backbone's weights."""

    concurrent = True

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.encoder = embedder.encoder
        self._logits(np.zeros((1, embedder.backbone.dim), dtype=np.float32))

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return (B, d)."""
        size = self.embedder.backbone.crop.size
        images = [crop.image for crop in crops]
        return self.embedder(np.stack(images) if images else np.empty((0, size, size, 3), np.uint8))

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        return Scores(fake=expit(self._logits(embeddings)))

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Return the logit (B,) of the head, as "face", of a tensor of embeddings (B, d)."""
        logit = self.embedder.backbone.head(embedding)
        if logit is None:
            raise ConfigError(_headless(self.embedder.backbone))
        return {"face": logit}

    def _logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        logits = self.embedder.logits(embeddings)
        if logits is None:
            raise ConfigError(_headless(self.embedder.backbone))
        return logits


class RandomDetector:
    """Uniform noise that depends on the seed and on the face, not on its batch."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.array([self._noise(crop) for crop in crops], dtype=np.float64))

    def _noise(self, crop: Crop) -> float:
        face = repr((self._seed, crop.dataset, crop.video, crop.frame, crop.face))
        digest = hashlib.sha256(face.encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


def build_linear(context: DetectorContext) -> LinearDetector:
    """Build a LinearDetector; a ConfigError if the backbone has no head."""
    if context.embedder is None:
        raise ConfigError("detector 'linear' needs a backbone; pass --backbone NAME")
    return LinearDetector(context.embedder)


def build_random(context: DetectorContext) -> RandomDetector:
    """Build a RandomDetector, which needs no backbone."""
    return RandomDetector(context.seed)


def _headless(backbone: Backbone) -> str:
    seen = ", ".join(f"{t.dataset} ({t.task})" for t in backbone.trained_on) or "nothing"
    return (
        f"backbone {backbone.name!r} has no fake/real head (weights {backbone.weights},"
        f" trained on {seen}), so detector 'linear' has nothing to apply; pass --weights"
        " with one or two classes, or let `bench fit --detector lesb` train a linear"
        " probe on the embeddings"
    )
