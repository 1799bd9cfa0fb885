"""A fitted `lesb_roi`: what its artefact holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.fitted import head_logits
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import check_fitted_on, load, save
from lesb_plugin.lfd.regions import RegionSet, load_regions
from lesb_plugin.roi.calibration import Calibration, Fusion
from lesb_plugin.roi.encoding import FEATURES, global_embedding, part_features
from lesb_plugin.roi.heads import PartHeads
from registry import Backbone, DataError, Embedder, reading

__all__ = ["FittedRoi", "RealScores", "RoiModel", "RoiScores", "load_fitted"]

Array = NDArray[np.float64]
NAME = "roi"  # of the artefact's tensors and record


@dataclass(frozen=True, slots=True)
class RoiScores:
    """Scores of n crops in [0, 1]: `parts` (K, n), `fused` (n,), `head` (n,).

    `sharpness` (n,) is that of the images, where it was kept.
    """

    parts: Array
    fused: Array
    head: Array
    sharpness: Array | None = None

    def tensors(self) -> dict[str, Array]:
        """Return what there is, by name."""
        named = {name: getattr(self, name) for name in ("parts", "fused", "head", "sharpness")}
        return {name: array for name, array in named.items() if array is not None}


RealScores = RoiScores
"""Scores of real faces of the val split in several qualities, what verdicts compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiModel:
    """Heads, calibration and fusion over the encoder's output."""

    regions: RegionSet
    heads: PartHeads
    calibration: Calibration
    fusion: Fusion
    probe: Probe | None  # of a backbone without a fake/real head of its own

    def scores_of(self, encoded: NDArray[np.float32], embedder: Embedder) -> RoiScores:
        """Return scores of the encoder's output (n, d + K C)."""
        dim, parts = embedder.backbone.dim, len(self.regions.parts)
        logits = self.heads.logits(part_features(encoded, dim, parts))
        head = head_logits(embedder, self.probe, global_embedding(encoded, dim))
        fused = self.fusion.logits(head, self.calibration.standardise(logits))
        return RoiScores(self.calibration.scores(logits), expit(fused), expit(head))


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRoi:
    """A model, its scores of unchanged reals, and a record of its origin, for JSON."""

    model: RoiModel
    reals: RealScores
    record: Mapping[str, Any]

    def save(self, path: Path) -> Path:
        """Write all of it to one file."""
        model = self.model
        groups = {
            "heads": model.heads.tensors(),
            "calibration": model.calibration.tensors(),
            "val_reals": self.reals.tensors(),
        }
        tensors: dict[str, NDArray[Any]] = {
            f"{NAME}.{group}.{name}": array
            for group, arrays in groups.items()
            for name, array in arrays.items()
        }
        probe = None
        if model.probe is not None:
            tensors[f"{NAME}.probe.weight"] = model.probe.weight
            probe = {name: getattr(model.probe, name) for name in ("bias", "strength", "auc")}
        fusion = {name: getattr(model.fusion, name) for name in ("weight", "offset", "aucs")}
        record = {
            **self.record, "regions": model.regions.to_mapping(), "fusion": fusion, "probe": probe
        }  # fmt: skip
        return save(path, tensors, {NAME: record})


def is_roi(path: Path) -> bool:
    """Say whether the artefact in a file is of lesb_roi; a DataError if it is not an artefact."""
    return NAME in load(path)[1]


def load_fitted(path: Path, backbone: Backbone) -> FittedRoi:
    """Load the model of an artefact; a DataError if incomplete or of another backbone or
    weights.
    """
    tensors, metadata = load(path)
    advice = "it holds no complete lesb_roi; fit it with `bench fit --detector lesb_roi`"
    with reading(f"the lesb_roi in {path}", advice):
        record = metadata[NAME]
        check_fitted_on(record["backbone"], backbone)
        features = record.get("features", "parts")  # the first version did not say so
        if features != FEATURES:
            raise DataError(
                f"{path} was fitted on other features ({features}) than this version reads"
                f" ({FEATURES}); fit it again with `bench fit --detector lesb_roi`"
            )
        return _fitted(tensors, record)


def _fitted(tensors: Mapping[str, NDArray[Any]], record: Mapping[str, Any]) -> FittedRoi:
    def group(name: str) -> dict[str, NDArray[Any]]:
        prefix = f"{NAME}.{name}."
        return {key.removeprefix(prefix): a for key, a in tensors.items() if key.startswith(prefix)}

    probe, fusion = record["probe"], record["fusion"]
    val = group("val_reals")
    model = RoiModel(
        regions=load_regions(record["regions"]),
        heads=PartHeads.from_tensors(group("heads")),
        calibration=Calibration.from_tensors(group("calibration")),
        fusion=Fusion(weight=fusion["weight"], offset=fusion["offset"], aucs=tuple(fusion["aucs"])),
        probe=None if probe is None else Probe(weight=group("probe")["weight"], **probe),
    )
    reals = RealScores(
        parts=val["parts"],
        fused=val["fused"],
        head=val["head"],
        sharpness=val.get("sharpness"),
    )
    return FittedRoi(model=model, reals=reals, record=record)
