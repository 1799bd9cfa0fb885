"""Pictures of drawn faces, and plugins that find and score them without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.video.stream import VideoStream
from numpy.typing import NDArray
from scipy.special import expit

from registry import (
    BackboneSpec,
    Crop,
    DetectorSpec,
    Face,
    FaceDetectorSpec,
    LandmarkerSpec,
    Scores,
)
from registry.builtin.detectors import build_random
from registry.plugins.discovery import Plugins, load_plugins
from tests.shared.planted import MEAN_FACE, planted_samples
from tests.shared.tiny import TinyBackbone, TinyDetector

Image = NDArray[np.uint8]


class ThreeParts(TinyDetector):
    """The face by its colours' means, and three parts by linear heads of their own."""

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        heads = zip(("eyes", "nose", "mouth"), self.first.T[:3], strict=True)
        parts = {name: 5 * embedding @ head for name, head in heads}
        return {**parts, "face": 5 * embedding @ self.face}

    def score(self, crops: Sequence[Crop]) -> Scores:
        embedding = torch.from_numpy(self.embed(crops))
        found = {n: expit(each.double().numpy()) for n, each in self.logits(embedding).items()}
        return Scores(fake=found.pop("face"), regions=found)


class Redness:
    """`fake` rises with the red in a crop, and each part with the red where it lies in one."""

    def score(self, crops: Sequence[Crop]) -> Scores:
        reds = np.stack([crop.image[..., 0].astype(np.float64) for crop in crops])  # (B, S, S)
        height = reds.shape[1]
        bands = {"eyes": (0.2, 0.4), "nose": (0.4, 0.6), "mouth": (0.6, 0.8)}
        return Scores(
            fake=expit((reds.mean(axis=(1, 2)) - 150) / 8),
            regions={
                name: expit(
                    (reds[:, int(a * height) : int(b * height)].mean(axis=(1, 2)) - 150) / 8
                )
                for name, (a, b) in bands.items()
            },
        )


def find_drawn(image: Image) -> list[Face]:
    """Every skin-coloured oval of 300 pixels or more."""
    skin = (image[..., 0] > 140).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(skin)
    return [
        Face(box=(float(x), float(y), float(x + w), float(y + h)))
        for x, y, w, h, area in stats[1:].tolist()
        if area > 300
    ]


def mean_landmarks(_image: Image, face: Face) -> NDArray[np.float32]:
    x0, y0, x1, y1 = face.box
    return (MEAN_FACE[:68] * (x1 - x0, y1 - y0) + (x0, y0)).astype(np.float32)


def drawn_plugins() -> Plugins:
    """Everything installed, and detectors for drawn faces."""
    return Plugins(
        records=(
            *load_plugins().records,
            BackboneSpec(name="tiny", summary="s", build=lambda *_: TinyBackbone()),
            DetectorSpec(
                name="three", summary="s", build=lambda c: ThreeParts(c.embedder.backbone)
            ),
            DetectorSpec(
                name="redness", summary="s", build=lambda _: Redness(), needs_backbone=False
            ),
            DetectorSpec(name="whole", summary="s", build=build_random, needs_backbone=False),
            FaceDetectorSpec(name="drawn", summary="s", build=lambda: find_drawn),
            LandmarkerSpec(name="mean", summary="s", points=68, build=lambda _: mean_landmarks),
        )
    )


def portrait(number: int = 0, red: int = 0) -> Image:
    """(200, 180, 3): a drawn face, its red raised."""
    image, _ = planted_samples(1, first=number)[0].load()
    raised = image.astype(np.int64)
    raised[..., 0] += np.where(image[..., 0] > 140, red, 0)
    return np.clip(raised, 0, 255).astype(np.uint8)


def write(path: Path, image: Image) -> Path:
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def film(path: Path, images: Sequence[Image]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path
