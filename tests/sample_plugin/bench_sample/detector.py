"""A detector on embeddings: distance to the mean of real faces, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bench_sample.options import DistanceOptions
from registry import (
    Backbone,
    Crop,
    DataError,
    DetectorContext,
    Embedder,
    FitContext,
    FitReport,
    Sample,
    Scores,
    crop_face,
    progress,
)

__all__ = ["Distance", "build_distance", "fit_distance", "read_artefact"]


class Distance:
    """`embed` is costly and its result is cached by the host; `score_embeddings` is cheap."""

    def __init__(
        self, embedder: Embedder, mean: NDArray[np.float32], std: NDArray[np.float32], half: float
    ) -> None:
        self.encoder = embedder.encoder
        self._embedder = embedder
        self._mean, self._std = mean, std
        self._half = half

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        return self._embedder(np.stack([crop.image for crop in crops]))  # (B, d)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        z = (embeddings.astype(np.float64) - self._mean) / self._std  # (B, d)
        distance = np.sqrt((z**2).mean(axis=1))  # (B,)
        return Scores(fake=distance / (distance + self._half))


def build_distance(context: DetectorContext) -> Distance:
    """A detector for `bench eval`; the host has found the artefact and checked the options."""
    assert context.embedder is not None, "the record says needs_backbone"
    assert context.artefact is not None, "the record says needs_artefact"
    assert isinstance(context.options, DistanceOptions), "the record names this class"
    mean, std = read_artefact(context.artefact, context.embedder.backbone)
    return Distance(context.embedder, mean, std, context.options.half)


def read_artefact(
    artefact: Path, backbone: Backbone
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (d,); DataError unless they were fitted on this backbone."""
    try:
        with safe_open(artefact, framework="numpy") as file:
            belongs_to = (file.metadata() or {}).get("weights_sha256")
            mean, std = file.get_tensor("mean"), file.get_tensor("std")
    except SafetensorError as error:
        raise DataError(f"{artefact} is no artefact of sample_distance: {error}") from error
    if belongs_to != backbone.weights_sha256:
        raise DataError(
            f"{artefact} was fitted on weights {belongs_to}, not on those of "
            f"{backbone.name}, {backbone.weights_sha256}; run `bench fit` for this backbone"
        )
    return mean, std


def fit_distance(context: FitContext) -> FitReport:
    """What `bench fit` runs: mean and standard deviation of the embeddings of real faces."""
    faces = progress(context.train, "embed", unit="face", quiet=context.quiet)
    embeddings = np.concatenate([_embedding(context.embedder, sample) for sample in faces])
    path = context.out / "distance.safetensors"  # any name: the report below says which
    tensors = {"mean": embeddings.mean(axis=0), "std": embeddings.std(axis=0) + 1e-6}
    _save(path, tensors, context.embedder.backbone.weights_sha256)
    table = ("fitted on", ("faces", "numbers"), ((str(len(embeddings)), str(embeddings.shape[1])),))
    return FitReport(artefact=path, tables=(table,))


def _embedding(embedder: Embedder, sample: Sample) -> NDArray[np.float32]:
    image, face = sample.load()
    return embedder(crop_face(image, face, embedder.backbone.crop).image[None])  # (1, d)


def _save(path: Path, tensors: dict[str, NDArray[np.float32]], weights_sha256: str) -> None:
    """Written whole or not at all: a file half written would be taken for an artefact."""
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"weights_sha256": weights_sha256})
    partial.replace(path)
