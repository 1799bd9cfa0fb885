"""A backbone without weights, data that it sees a score in, and a fit that learns nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from registry import CropPolicy, FitContext, FitReport, Training

SIZE = 64
FITS: list[FitContext] = []


def write_data(folder: Path, people: int = 6, split: str = "test") -> Path:
    """A manifest of one real and one fake image per person; fakes are brighter."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    angles = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    landmarks = 32 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.save(folder / "landmarks.npy", landmarks.astype(np.float32))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "identity", "method", "split", "landmarks"])
        for person in range(people):
            for label, method in ((0, ""), (1, ("swap", "warp")[person % 2])):
                name = f"{person}_{label}.png"
                level = rng.integers(60, 140) + 30 * label
                pixels = rng.integers(-9, 9, (SIZE, SIZE, 3)) + level
                cv2.imwrite(str(folder / name), pixels.astype(np.uint8))
                writer.writerow([name, label, f"p{person}", method, split, "landmarks.npy"])
    return folder


def write_faces_to_fit_on(folder: Path, people: int, val: str) -> Path:
    """The same, with people whose digit is in `val` in that split, and the others in train."""
    write_data(folder, people=people)
    rows = (folder / "manifest.csv").read_text().splitlines()
    rows[1:] = [row.replace("test", "val" if row[0] in val else "train") for row in rows[1:]]
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


class StillBackbone:
    """A backbone that is never run."""

    name = "still"
    crop = CropPolicy(size=32)
    dim = 1
    mean_pooled = False
    weights_sha256 = "ab" * 32

    def __init__(self, name: str, weights: str | None, seed: int) -> None:
        self.weights = weights or "own"
        self.trained_on = (Training(dataset="imagenet-1k", task="recognition"),)

    def to(self, device: str) -> StillBackbone:
        return self

    def features(self, images: Any) -> Any: ...

    def embed(self, features: Any) -> Any: ...

    def head(self, embedding: Any) -> Any: ...

    def head_direction(self) -> None: ...


def fit_nothing(context: FitContext) -> FitReport:
    FITS.append(context)
    path = context.out / "artefact.safetensors"
    path.write_bytes(b"fitted")
    return FitReport(artefact=path)


def fit_named(context: FitContext) -> FitReport:
    """As a third party may: the artefact has a name of its own."""
    FITS.append(context)
    path = context.out / "model.bin"
    path.write_bytes(b"fitted")
    return FitReport(artefact=path)
