"""Networks so small that explaining them takes no time, and detectors made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from registry import Backbone, Crop, CropPolicy, Embedder, Features, Scores, Training
from registry.checks import example_crops
from tests.shared.planted import planted_samples

SIZE, DIM = 48, 8
CROPS = example_crops(SIZE, 3)


class TinyBackbone(nn.Module):
    """Two convolutions with SiLU in place, as timm has it; frozen; the embedding is the mean."""

    weights = "tiny.pt"
    trained_on: tuple[Training, ...] = ()

    def __init__(self, *, mean_pooled: bool = True) -> None:
        super().__init__()
        self.name, self.dim, self.mean_pooled = "tiny", DIM, mean_pooled
        self.crop = CropPolicy(size=SIZE)
        self.weights_sha256 = "b" * 64
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.SiLU(inplace=True))
            self.last = nn.Sequential(nn.Conv2d(6, DIM, 3, 2, 1), nn.SiLU(inplace=True))
            self.unused = nn.Linear(2, 2)
            self.classifier = nn.Linear(DIM, 1)
        self.eval().requires_grad_(requires_grad=False)

    def features(self, images: torch.Tensor) -> Features:
        return Features(self.last(self.stem(images)))

    def embed(self, features: Features) -> torch.Tensor:
        mean = features.map.mean((2, 3))
        return mean if self.mean_pooled else mean + features.map.amax((2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return self.classifier(embedding)[:, 0]

    def head_direction(self) -> NDArray[np.float64] | None:
        return self.classifier.weight[0].double().numpy()


class TinyDetector:
    """A linear head for the face and a perceptron for the mouth; `scale` multiplies the logits."""

    def __init__(self, backbone: Backbone, scale: float = 1.0) -> None:
        self.embedder, self.scale = Embedder(backbone), scale
        rng = torch.Generator().manual_seed(5)
        self.face = torch.randn(backbone.dim, generator=rng)
        self.first = torch.randn(backbone.dim, 16, generator=rng)
        self.second = torch.randn(16, generator=rng)

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        mouth = (embedding @ self.first).relu() @ self.second
        return {"face": self.scale * (embedding @ self.face + 0.3), "mouth": self.scale * mouth}

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        return self.embedder(np.stack([crop.image for crop in crops]))

    def score(self, crops: Sequence[Crop]) -> Scores:
        logits = self.logits(torch.from_numpy(self.embed(crops)))
        found = {name: expit(each.double().numpy()) for name, each in logits.items()}
        return Scores(fake=found["face"], regions={"mouth": found["mouth"]})


class MeanColour:
    """A detector that is a function and nothing else: the mean red inside a mask (S, S)."""

    def __init__(self, mask: NDArray[np.float32]) -> None:
        self.mask = mask

    def score(self, crops: Sequence[Crop]) -> Scores:
        reds = [(crop.image[..., 0] * self.mask).sum() / self.mask.sum() for crop in crops]
        return Scores(fake=expit((np.array(reds) - 128) / 32))


def write_reals(folder: Path, count: int = 5) -> str:
    """A manifest of drawn real faces with landmarks."""
    lines = ["path,label,landmarks"]
    for number, sample in enumerate(planted_samples(count)):
        image, face = sample.load()
        cv2.imwrite(str(folder / f"{number}.png"), image[..., ::-1])
        np.save(folder / f"{number}.npy", face.landmarks)
        lines.append(f"{number}.png,0,{number}.npy")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return str(folder)


__all__ = ["CROPS", "DIM", "SIZE", "MeanColour", "TinyBackbone", "TinyDetector", "write_reals"]
