"""A `lesb_roi` of random heads on a tiny network, and crops with landmarks for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import describe_backbone
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.roi.calibration import Calibration, Fusion
from lesb_plugin.roi.encoding import FEATURES, RoiEncoder, part_features
from lesb_plugin.roi.fitted import FittedRoi, RealScores, RoiModel
from lesb_plugin.roi.heads import PartHeads
from registry import Backbone, Crop, Embedder
from tests.shared.planted import MEAN_FACE
from tests.shared.random_lesb import pictures

__all__ = ["fitted_roi", "marked_crops"]


def marked_crops(count: int, size: int, seed: int = 0) -> list[Crop]:
    """Noise, with landmarks of a face that moves a little from crop to crop."""
    rng = np.random.default_rng([seed, 7])
    moved = MEAN_FACE * 0.75 + rng.uniform(0.08, 0.16, (count, 1, 2))
    return [
        Crop(image=image, landmarks=(size * points).astype(np.float32), box=(0, 0, size, size))
        for image, points in zip(pictures(count, size, seed), moved, strict=True)
    ]


def fitted_roi(built: Backbone, *, probe: bool = False, precision: str = "float32") -> FittedRoi:
    """Heads are standardised on noise, so that scores spread."""
    rng, regions = np.random.default_rng(0), region_preset("eyes_nose_mouth")
    crops = marked_crops(16, built.crop.size, seed=9)
    images = np.stack([crop.image for crop in crops])
    landmarks = [crop.landmarks for crop in crops if crop.landmarks is not None]
    rows = RoiEncoder(Embedder(built), regions)(images, landmarks)
    inputs = part_features(rows, built.dim, len(regions.parts))  # (K, n, C)
    heads = PartHeads(
        weight=rng.normal(size=(len(inputs), inputs.shape[2])), bias=rng.normal(size=len(inputs))
    )
    logits = heads.logits(inputs)
    embeddings: NDArray[np.float64] = rows[:, : built.dim].astype(np.float64)
    weight = rng.normal(size=built.dim) / np.linalg.norm(embeddings.std(axis=0))
    bias = -float(embeddings.mean(axis=0) @ weight)
    model = RoiModel(
        regions=regions,
        heads=heads,
        calibration=Calibration(
            mean=logits.mean(axis=1),
            deviation=logits.std(axis=1),
            shared=0.25,
            slope=1.3,
            intercept=-0.4,
        ),
        fusion=Fusion(weight=0.5, offset=-0.3, aucs=(0.5,)),
        probe=Probe(weight=weight, bias=bias, strength=1.0, auc=0.5) if probe else None,
    )
    reals = RealScores(rng.random((len(inputs), 5)), rng.random(5), rng.random(5))
    record = {
        "backbone": describe_backbone(built),
        "datasets": ["drawn"],
        "features": FEATURES,
        "head": "probe" if probe else "own",
        "precision": precision,
    }
    return FittedRoi(model=model, reals=reals, record=record)
