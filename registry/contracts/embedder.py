"""Turn crops into embeddings: batches, device and precision around a backbone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from registry.contracts.backbone import Backbone, FineBackbone
from registry.errors import ConfigError, did_you_mean
from registry.fingerprints import fingerprint

__all__ = ["PRECISIONS", "Embedder", "Engine", "encoder_fingerprint"]

T = TypeVar("T")
PRECISIONS = ("float32", "bfloat16", "float16")


class Engine(Protocol):
    """What computes a backbone's forward pass instead of eager torch, in float32."""

    name: str

    def __call__(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings (B, d) and finest maps (B, C, h, w) of uint8 RGB crops (B, S, S, 3)."""


class Embedder:
    """A backbone on its device, fed with uint8 crops.

    `encoder` identifies everything that decides what an embedding is, but the machine;
    embeddings of equal `encoder` may be shared. `bfloat16` and `float16` compute under autocast;
    results are float32. With an `engine`, it computes embeddings and maps; whatever needs
    gradients or hooks uses the backbone, in torch. With `on_smaller`, a batch that does not fit
    into the device's memory is computed in two halves, `batch_size` stays halved, and
    `on_smaller` is called with it.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        device: str = "cpu",
        precision: str = "float32",
        batch_size: int = 16,
        engine: Engine | None = None,
        on_smaller: Callable[[int], None] | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(
                f"precision is {precision!r};{did_you_mean(precision, PRECISIONS)}"
                f" known: {', '.join(PRECISIONS)}"
            )
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}; it must be at least 1")
        self.backbone = backbone.to(device)
        self.device = torch.device(device)
        self.precision = precision
        self.batch_size = batch_size
        self.engine = engine
        self._on_smaller = on_smaller
        computed = precision if engine is None else f"{precision} {engine.name}"
        self.encoder = encoder_fingerprint(backbone, computed)

    @property
    def backend(self) -> str:
        """Name what computes embeddings, as `--backend` does."""
        if self.engine is not None:
            return self.engine.name
        return {"bfloat16": "bf16", "float16": "fp16"}.get(self.precision, "torch")

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed uint8 RGB crops (B, S, S, 3) as (B, d); NaN is left for the caller to see."""
        self._check(images)
        if not len(images):
            return np.empty((0, self.backbone.dim), dtype=np.float32)
        return np.concatenate(self._in_batches(self._embed, images))

    def with_map(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return embeddings (B, d), and the finest feature map (B, C, h, w) of the same pass.

        It is the map of a FineBackbone's finer stage where there is one, else the last map.
        """
        self._check(images)
        if not len(images):
            raise ConfigError("a feature map needs at least one crop")
        pairs = self._in_batches(self._embed_with_map, images)
        embeddings, maps = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
        return embeddings, maps

    @torch.inference_mode()
    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """Return logits of fake (B,) for embeddings (B, d); None if the backbone has no head."""
        logits = self.backbone.head(_tensor(embeddings).float().to(self.device))
        return None if logits is None else logits.cpu().double().numpy()

    def pixels(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """Convert uint8 (B, S, S, 3) to the backbone's input, (B, 3, S, S) in [0, 1]."""
        self._check(images)
        there = _tensor(images)
        if self.device.type == "cuda":  # copied while the GPU is still busy with the batch before
            there = there.pin_memory()
        pixels = there.to(self.device, non_blocking=True).permute(0, 3, 1, 2)  # channels last
        return pixels.float() / 255

    def autocast(self) -> torch.autocast:
        """Return the context in which the backbone computes at this precision."""
        half = torch.float16 if self.precision == "float16" else torch.bfloat16
        return torch.autocast(self.device.type, half, enabled=self.precision != "float32")

    def _in_batches(
        self, compute: Callable[[NDArray[np.uint8]], T], images: NDArray[np.uint8]
    ) -> list[T]:
        """Compute `batch_size` images at a time, fewer if memory runs out."""
        found: list[T] = []
        start = 0
        while start < len(images):
            size = self.batch_size
            try:
                found.append(compute(images[start : start + size]))
                start += size
            except torch.OutOfMemoryError:
                if self._on_smaller is None or size == 1:
                    raise
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()  # what is cached in pieces is of no use to others
                self.batch_size = size // 2
                self._on_smaller(self.batch_size)
        return found

    @torch.inference_mode()
    def _embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.engine is not None:
            return self.engine(images)[0]
        with self.autocast():
            return _array(self.backbone.embed(self.backbone.features(self.pixels(images))))

    @torch.inference_mode()
    def _embed_with_map(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.engine is not None:
            return self.engine(images)
        backbone = self.backbone
        features_of = (
            backbone.fine_features if isinstance(backbone, FineBackbone) else backbone.features
        )
        with self.autocast():
            features = features_of(self.pixels(images))
            embedding = backbone.embed(features)
        finest = features.map if features.fine is None else features.fine
        return _array(embedding), _array(finest)

    def _check(self, images: NDArray[np.uint8]) -> None:
        size = self.backbone.crop.size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
            raise ConfigError(
                f"backbone {self.backbone.name!r} takes crops (B, {size}, {size}, 3) of uint8, not"
                f" {images.shape} of {images.dtype}; make them with the backbone's crop policy"
            )


def encoder_fingerprint(backbone: Backbone, precision: str) -> str:
    """Hash the backbone's name, weights and crop policy, and the precision (sha256)."""
    parts = [backbone.name, backbone.weights_sha256, asdict(backbone.crop), precision]
    return fingerprint(parts)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _tensor(array: NDArray[np.uint8] | NDArray[np.float32]) -> torch.Tensor:
    """Return the array as a contiguous and writable tensor, as torch requires."""
    return torch.from_numpy(np.require(array, requirements=("C", "W")))
