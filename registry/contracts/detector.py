"""The protocols of detectors and explainers; conventions as in `types`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from registry.contracts.types import Crop, Explanation, Sample, Scores

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from registry.contracts.embedder import Embedder

__all__ = [
    "CalibratedDetector",
    "Detector",
    "DetectorContext",
    "DifferentiableDetector",
    "EmbeddingDetector",
    "Explain",
    "FitContext",
    "FitReport",
    "LocalDetector",
]


@runtime_checkable
class Detector(Protocol):
    """Scores face crops. One method is enough.

    What else the host reads off a detector, if it is there, is declared in `DescribedDetector`.
    """

    def score(self, crops: Sequence[Crop]) -> Scores: ...


@runtime_checkable
class EmbeddingDetector(Protocol):
    """A detector whose expensive half can be cached: `score(x) == score_embeddings(embed(x))`.

    Detectors with equal `encoder` share embeddings, so a second one costs no forward pass.
    """

    encoder: str

    def score(self, crops: Sequence[Crop]) -> Scores: ...

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return embeddings (B, d)."""

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores: ...


@runtime_checkable
class DifferentiableDetector(Protocol):
    """A detector whose logits torch can differentiate, as gradient-based explainers need.

    `embedder` holds the backbone that it scores with.
    """

    embedder: Embedder

    def score(self, crops: Sequence[Crop]) -> Scores: ...

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Return logits of fake (B,), before the sigmoid, by target, for embeddings (B, d).

        Targets are "face", the head on the whole embedding, and the parts with heads of their own.
        """


@runtime_checkable
class LocalDetector(Protocol):
    """An EmbeddingDetector that looks at each part of a face in a subspace of its own."""

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]: ...

    def project(self, embeddings: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return local embeddings (B, r) by part, for embeddings (B, d)."""


@runtime_checkable
class CalibratedDetector(Protocol):
    """A detector whose fit stored its scores of real faces that were not used in training."""

    def score(self, crops: Sequence[Crop]) -> Scores: ...

    @property
    def val_reals(self) -> Scores:
        """Return scores, as `score` gives them, of the unchanged real faces of the val split."""


@runtime_checkable
class QualityCalibratedDetector(Protocol):
    """A CalibratedDetector that also stored the quality of those real faces."""

    @property
    def val_reals(self) -> Scores: ...

    @property
    def val_sharpness(self) -> NDArray[np.float64] | None:
        """Return the sharpness (n,) of the faces of `val_reals`; None if it was not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorContext:
    """What a detector is built from. `embedder` is None for a detector without a backbone."""

    embedder: Embedder | None
    options: Any
    artefact: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """What a detector is fitted on: real faces of the train and val splits, and where to write.

    `max_errors` is how many faces may fail to load: a fraction below 1, else a count. With
    `tensorboard` a fit that has something to show writes it for TensorBoard into `out`. `pieces`
    is a folder of this fit's own, which may not exist yet, for finished parts of long work: a fit
    with the same settings and data finds there what a killed one has left. It is removed when the
    fit ends well; None: nothing is stored.
    """

    embedder: Embedder
    train: Sequence[Sample]
    val: Sequence[Sample]
    options: Any
    out: Path
    data_fingerprint: str
    datasets: tuple[str, ...]
    seed: int = 0
    workers: int = 0
    max_errors: float = 0.05
    quiet: bool = False
    tensorboard: bool = False
    pieces: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """The result of a fit: the artefact, and tables to print, each (title, header, rows).

    `findings` say in plain words what the tables show: a sentence for each, in their order.
    """

    artefact: Path
    tables: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


Explain: TypeAlias = Callable[[Sequence[Crop]], list[Explanation]]
"""What an explainer is once it is built."""
