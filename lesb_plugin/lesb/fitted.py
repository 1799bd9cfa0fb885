"""A fitted LESB: what its artefact holds beyond the LFD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lesb.fusion import FUSIONS, fuse
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import Lfd, check_matches, load, save
from registry import Backbone, ConfigError, DataError, DetectorContext, Embedder, reading

__all__ = [
    "LESB",
    "FittedLesb",
    "ValReals",
    "check_detector",
    "embedder_and_artefact",
    "face_logits",
    "fitted_for",
    "head_logits",
    "is_fitted_for",
    "load_fitted",
]

LESB = "lesb"  # the detector of artefacts that name none: once there was no other
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValReals:
    """Scores of n real faces of the val split, what later verdicts compare with.

    They are the unchanged faces and, where the fit drew images of other qualities, some of those.
    `parts` is (K, n) in the order of the LFD's parts, `fused` (7, n) in the order of `FUSIONS`,
    `head` (n,) of the backbone's own head or the probe, `sharpness` (n,) of the images, None for
    fits of earlier versions.
    """

    parts: Array
    fused: Array
    head: Array
    sharpness: Array | None = None

    @classmethod
    def of(cls, parts: Array, head: Array, sharpness: Array | None = None) -> ValReals:
        """Collect part scores (K, n), the head's (n,) and the images' sharpness (n,)."""
        fused = np.stack([fuse(parts, name) for name in FUSIONS])
        return cls(parts=parts, fused=fused, head=head, sharpness=sharpness)

    def tensors(self) -> dict[str, Array]:
        """Return what there is, by name."""
        named = {name: getattr(self, name) for name in ("parts", "fused", "head", "sharpness")}
        return {name: array for name, array in named.items() if array is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLesb:
    """Local subspaces, a head per part in the order of `lfd.parts`, and their origin.

    `probe` is the linear head of a backbone that has none of its own. `record` is plain data for
    JSON: the detector's name, options, seeds, validation AUCs, data sets, counts.
    """

    lfd: Lfd
    heads: Heads
    probe: Probe | None
    reals: ValReals
    record: Mapping[str, Any]

    @property
    def detector(self) -> str:
        """Return the detector that it was fitted for: `lesb`, or one with other subspaces."""
        return fitted_for(self.record)

    def save(self, path: Path) -> Path:
        """Write all of it to one file."""
        tensors: dict[str, NDArray[Any]] = dict(self.lfd.to_tensors())
        tensors |= {f"lesb.heads.{name}": array for name, array in self.heads.tensors().items()}
        for name, array in self.reals.tensors().items():
            tensors[f"lesb.val_reals.{name}"] = array
        probe = None
        if self.probe is not None:
            tensors["lesb.probe.weight"] = self.probe.weight
            probe = {name: getattr(self.probe, name) for name in ("bias", "strength", "auc")}
        record = {**self.record, "fusions": list(FUSIONS), "probe": probe}
        return save(path, tensors, {**self.lfd.to_metadata(), "lesb": record})


def load_fitted(path: Path, backbone: Backbone) -> FittedLesb:
    """Load the LESB of an artefact; a DataError if it is incomplete or of another backbone or
    weights.
    """
    tensors, metadata = load(path)
    lfd = Lfd.from_tensors(tensors, metadata)
    advice = "it holds no complete LESB; fit it with `bench fit --detector lesb`"
    with reading(f"the LESB in {path}", advice):
        check_matches(metadata, backbone)
        return _fitted(lfd, tensors, metadata["lesb"])


def fitted_for(record: Mapping[str, Any]) -> str:
    """Return the detector that the record of an artefact belongs to."""
    return str(record.get("detector", LESB))


def is_fitted_for(detector: str, path: Path) -> bool:
    """Say whether the artefact in a file is of this detector; a DataError if it is not an
    artefact.
    """
    record = load(path)[1]
    return "lesb" in record and fitted_for(record["lesb"]) == detector


def embedder_and_artefact(detector: str, context: DetectorContext) -> tuple[Embedder, Path]:
    """Return the backbone and the artefact that a detector is built from; a ConfigError without."""
    if context.embedder is None or context.artefact is None:
        missing = "a backbone" if context.embedder is None else "an artefact of `bench fit`"
        raise ConfigError(f"detector {detector!r} needs {missing}")
    return context.embedder, context.artefact


def check_detector(path: Path, fitted: FittedLesb, detector: str) -> None:
    """Raise a DataError, naming both, unless the artefact is of this detector."""
    if fitted.detector != detector:
        raise DataError(
            f"{path} belongs to detector {fitted.detector!r}, not to {detector!r}, which"
            f" builds its subspaces differently; pass --detector {fitted.detector}, or fit"
            f" one with `bench fit --detector {detector}`"
        )


def _fitted(lfd: Lfd, tensors: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> FittedLesb:
    heads = "lesb.heads."
    stored = {name[len(heads) :]: a for name, a in tensors.items() if name.startswith(heads)}
    reals = {name: tensors[f"lesb.val_reals.{name}"] for name in ("parts", "fused", "head")}
    quality = tensors.get("lesb.val_reals.sharpness")
    probe = record["probe"]
    return FittedLesb(
        lfd=lfd,
        heads=Heads.from_tensors(stored),
        probe=None if probe is None else Probe(weight=tensors["lesb.probe.weight"], **probe),
        reals=ValReals(**reals, sharpness=quality),
        record=record,
    )


def head_logits(
    embedder: Embedder, probe: Probe | None, embeddings: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return logits of fake (B,) of whole embeddings: the probe's, else the backbone's own
    head's.
    """
    if probe is not None:
        return probe.logits(embeddings)
    logits = embedder.logits(embeddings)
    if logits is None:
        raise DataError(_headless(embedder.backbone))
    return logits


def face_logits(backbone: Backbone, probe: Probe | None, embedding: torch.Tensor) -> torch.Tensor:
    """`head_logits` for tensors (B, d), which torch can differentiate."""
    if probe is not None:
        dtype = torch.float32 if embedding.device.type == "mps" else torch.float64
        weight = torch.tensor(probe.weight, dtype=dtype, device=embedding.device)
        return embedding.to(dtype) @ weight + probe.bias
    logits = backbone.head(embedding)
    if logits is None:
        raise DataError(_headless(backbone))
    return logits


def _headless(backbone: Backbone) -> str:
    return (
        f"backbone {backbone.name!r} has no fake/real head, and the artefact has no probe;"
        " fit it again with `bench fit`"
    )
