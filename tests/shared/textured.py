"""Drawn faces under texture, and a backbone that sees how much of it there is, cell by cell.

In-painting takes the texture of a part away, so which part was changed is there to be read, and
only there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.roi.detector import RoiDetector, build_roi
from lesb_plugin.roi.options import RoiFitOptions
from registry import (
    Crop,
    CropPolicy,
    DetectorContext,
    Embedder,
    Features,
    FitContext,
    Training,
    crop_face,
)
from tests.shared.drawn_training import people

STYLE = """\
families: {inpaint: 1}
regions: REGIONS
placement: {flip: 0.5, width: [64, 80], margin: [0.1, 0.15]}
"""
REGIONS = """\
parts:
  eyes: [[17-21, 36-41], [22-26, 42-47]]
  nose: [[27-35]]
  mouth: [[48-59]]
jitter:
  points: 0
  scale: [0.9, 1.1]
  rotation: 0
  shift: 0
  dilation: [0.02, 0.04]
  smoothing: [0.01, 0.02]
"""


class TextureBackbone:
    """A Backbone: contrast against the neighbourhood in each of 12 x 12 cells, and its mean."""

    mean_pooled = True
    weights = "none"
    trained_on: tuple[Training, ...] = ()

    def __init__(self, name: str = "texture") -> None:
        self.name = name
        self.crop = CropPolicy(size=96)
        self.dim = 3
        self.weights_sha256 = hashlib.sha256(name.encode()).hexdigest()

    def features(self, images: torch.Tensor) -> Features:
        smooth = torch.nn.functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
        return Features(map=torch.nn.functional.avg_pool2d(100 * (images - smooth).abs(), 8))

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean((2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None

    def to(self, device: str) -> TextureBackbone:
        return self


def texture_embedder(name: str = "texture") -> Embedder:
    return Embedder(TextureBackbone(name), batch_size=64)


def fit_context(folder: Path, **changes: Any) -> FitContext:
    regions = folder / "regions.yaml"
    regions.write_text(REGIONS)
    (folder / "style.yaml").write_text(STYLE.replace("REGIONS", str(regions)))
    options = {"pseudo_fakes": 8, "learning_rate": 0.02, **changes.pop("options", {})}
    values = {
        "embedder": texture_embedder(),
        "train": people(14),
        "val": people(8, first=100),
        "options": RoiFitOptions(style=str(folder / "style.yaml"), **options),
        "out": folder,
        "data_fingerprint": "drawn",
        "datasets": ("drawn",),
        "quiet": True,
        **changes,
    }
    return FitContext(**values)


def detector(artefact: Path, embedder: Embedder | None = None) -> RoiDetector:
    embedder = embedder or texture_embedder()
    return build_roi(DetectorContext(embedder=embedder, options=None, artefact=artefact))


def crops(count: int, first: int = 200) -> list[Crop]:
    policy = TextureBackbone().crop
    return [crop_face(*person.load(), policy) for person in people(count, first)]


__all__ = ["TextureBackbone", "crops", "detector", "fit_context", "texture_embedder"]
