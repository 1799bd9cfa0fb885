"""A LESB fit on drawn faces that is done in seconds, for the tests of everything that needs one.

The planted backbone sees the mean colours of cells. In SBI's pseudo-fakes the face is as often
distorted in the real as in the fake, so single cells could not tell them apart; the style below
always distorts the fake, and the regions below share no cell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.detector import LesbDetector, build_lesb
from lesb_plugin.lesb.options import LesbFitOptions, LesbOptions
from lesb_plugin.lfd.regions import STILL, Region, part_mask
from registry import Crop, DetectorContext, Embedder, FitContext, crop_face
from tests.shared.planted import PlantedBackbone, planted_samples

STYLE = """
flip: 0
hulls: [full]
without_forehead: 0
source: 1
colour: {rgb: 40, rgb_p: 1, hsv_p: 0, tone_p: 0}
resolution: 0
scale: 1
shift: [0, 0]
elastic: 0
kernel: [5, 5]
ratios: [1]
after: null
jpeg_p: 0
margin: null
"""
REGIONS = """
parts:
  eyes: [[17-21, 36-41], [22-26, 42-47]]
  nose: [[27-35]]
  mouth: [[48-59]]
jitter:
  {points: 0, scale: [0.9, 1.0], rotation: 0, shift: 0, dilation: [0, 0], smoothing: [0.01, 0.02]}
"""


def planted_embedder(name: str = "planted", grid: int = 16) -> Embedder:
    return Embedder(PlantedBackbone(name, grid=grid), batch_size=64)


def fit_options(folder: Path, **changes: Any) -> LesbFitOptions:
    (folder / "style.yaml").write_text(STYLE)
    (folder / "regions.yaml").write_text(REGIONS)
    values = {
        "blend": str(folder / "style.yaml"),
        "regions": str(folder / "regions.yaml"),
        "variants": 8,
        "rank": 16,
        "pseudo_fakes": 12,
        "hidden": 32,
        "epochs": 40,
        "control_seeds": 1,
        **changes,
    }
    return LesbFitOptions(**values)


def fit_context(folder: Path, embedder: Embedder | None = None, **changes: Any) -> FitContext:
    options = {key: changes.pop(key) for key in list(changes) if hasattr(LesbFitOptions, key)}
    values = {
        "embedder": embedder or planted_embedder(),
        "train": planted_samples(16),
        "val": planted_samples(6, first=100),
        "options": fit_options(folder, **options),
        "out": folder,
        "data_fingerprint": "drawn",
        "datasets": ("drawn",),
        "quiet": True,
        **changes,
    }
    return FitContext(**values)


def detector(
    artefact: Path, embedder: Embedder | None = None, fusion: Any = "mean"
) -> LesbDetector:
    options = LesbOptions(fusion=fusion)
    embedder = embedder or planted_embedder()
    return build_lesb(DetectorContext(embedder=embedder, options=options, artefact=artefact))


def crops(samples: list[Any], embedder: Embedder | None = None) -> list[Crop]:
    policy = (embedder or planted_embedder()).backbone.crop
    return [crop_face(*sample.load(), policy) for sample in samples]


def tinted(crop: Crop, region: Region, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The crop with the colour of one part, and of nothing else, moved by 20 to 40 levels."""
    assert crop.landmarks is not None
    mask = part_mask(crop.landmarks, region, crop.image.shape[0], STILL, rng)
    tint = rng.choice([-1, 1], 3) * rng.uniform(20, 40, 3)
    return np.clip(np.rint(crop.image + mask[..., None] * tint), 0, 255).astype(np.uint8)


__all__ = [
    "crops", "detector", "fit_context", "fit_options", "planted_embedder", "tinted",
]  # fmt: skip
