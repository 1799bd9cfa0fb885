"""LFD as a backbone: its embedding concatenates the parts' local embeddings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lfd.artefact import Lfd, check_matches, load
from registry import Backbone, Features

__all__ = ["LfdBackbone", "wrap"]


class LfdBackbone:
    """A Backbone of dimension K r made from another one and its fitted LFD (Eq. 6, 7).

    `parts` says where each part's local embedding lies in the concatenation.
    """

    mean_pooled = False

    def __init__(self, base: Backbone, lfd: Lfd) -> None:
        self.base, self.lfd = base, lfd
        self.name = f"lfd({base.name})"
        self.crop = base.crop
        self.weights = base.weights
        self.weights_sha256 = _fingerprint(base, lfd)
        self.trained_on = base.trained_on
        self.concurrent: bool = getattr(base, "concurrent", False)
        self.parts = {
            part: slice(k * lfd.rank, (k + 1) * lfd.rank) for k, part in enumerate(lfd.parts)
        }
        self.dim = lfd.rank * len(lfd.parts)
        self._mean = torch.from_numpy(np.array(lfd.mean))  # (d,)
        bases = np.concatenate([lfd.bases[part] for part in lfd.parts], axis=1)
        self._bases = torch.from_numpy(bases)  # (d, K r)

    def features(self, images: torch.Tensor) -> Features:
        return self.base.features(images)

    def embed(self, features: Features) -> torch.Tensor:
        """Return (B, K r) float32."""
        embedding = self.base.embed(features)  # (B, d)
        # The differences to the mean are small: half precision would lose them.
        with torch.autocast(embedding.device.type, enabled=False):
            local: torch.Tensor = (embedding.float() - self._mean) @ self._bases
        return local

    def project(self, embeddings: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return local embeddings (B, r) by part of the base's embeddings (B, d)."""
        return self.lfd.project(embeddings)

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:  # noqa: ARG002
        return None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None

    def to(self, device: str) -> LfdBackbone:
        self.base = self.base.to(device)
        self._mean, self._bases = self._mean.to(device), self._bases.to(device)
        return self


def wrap(backbone: Backbone, artefact: Path) -> LfdBackbone:
    """Wrap `backbone` in the LFD of an artefact that was fitted on it; a DataError otherwise."""
    tensors, metadata = load(artefact)
    lfd = Lfd.from_tensors(tensors, metadata)
    check_matches(metadata, backbone)
    return LfdBackbone(backbone, lfd)


def _fingerprint(base: Backbone, lfd: Lfd) -> str:
    """Return one sha256 for the base's weights and the subspaces."""
    digest = hashlib.sha256(base.weights_sha256.encode())
    for name, tensor in sorted(lfd.to_tensors().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()
