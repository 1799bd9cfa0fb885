"""Drawn faces of different people and a small run over them, for the tests of `bench train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.pseudo_fakes.pairs import PairMaker, pair_maker
from lesb_plugin.pseudo_fakes.store import FaceStore, build_store
from lesb_plugin.train.checkpoint import load_same_run
from lesb_plugin.train.loop import CHECKPOINT, Trainer
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.validation import ValSet, build_val_set
from registry import CropPolicy, Face, resolve
from registry.plugins.discovery import load_plugins
from tests.shared.planted import MEAN_FACE

BACKBONE = "timm/test_efficientnet"
CROP = CropPolicy(size=64)

EASY = """\
families: {inpaint: 1}
placement: {flip: 0.5, width: [64, 64], margin: [0.1, 0.15]}
"""


@dataclass(frozen=True)
class DrawnPerson:
    """A face of its own shape and colours under a texture that blending disturbs."""

    number: int
    dataset: str = "drawn"

    @property
    def key(self) -> str:
        return f"{self.dataset}/{self.number}/0"

    @property
    def identity(self) -> str:
        return f"drawn/{self.number}"

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        rng = np.random.default_rng([7, self.number])
        size = rng.uniform(70, 90, 2)
        landmarks = MEAN_FACE * size + (55, 60) + rng.normal(0, 0.8, MEAN_FACE.shape)
        image = np.full((220, 200, 3), rng.integers(60, 160, 3), np.uint8)
        points = np.rint(landmarks).astype(np.int32)
        skin = (rng.uniform(0.8, 1.1, 3) * (190, 150, 128)).clip(0, 255)
        cv2.fillPoly(image, [cv2.convexHull(points)], skin.tolist())
        for eye in (points[36:42], points[42:48]):
            cv2.fillPoly(image, [eye], (240, 240, 240))
        cv2.fillPoly(image, [points[48:60]], (170, 60, 70))
        noisy = image + rng.normal(0, 22, image.shape)
        (x0, y0), (x1, y1) = landmarks.min(axis=0), landmarks.max(axis=0)
        face = Face(box=(x0, y0, x1, y1), landmarks=landmarks.astype(np.float32))
        return np.clip(noisy, 0, 255).astype(np.uint8), face


def people(count: int, first: int = 0) -> list[DrawnPerson]:
    return [DrawnPerson(number) for number in range(first, first + count)]


def store(folder: Path, count: int, first: int = 0) -> FaceStore:
    return store_of(people(count, first), folder / f"faces_{first}_{count}")


def store_of(drawn: list[DrawnPerson], path: Path) -> FaceStore:
    return build_store(drawn, path, label="", workers=0, max_errors=0, quiet=True)


def maker(folder: Path, style: str, count: int = 6, **settings: Any) -> PairMaker:
    return pair_maker(store(folder, count), CROP, style, purpose="train", **settings)


def easy_style(folder: Path) -> str:
    path = folder / "easy.yaml"
    path.write_text(EASY)
    return str(path)


def trainer(folder: Path, *, faces: int = 8, **settings: Any) -> Trainer:
    """A run with the smallest network, on one thread's arithmetic, of easy fakes."""
    (folder / "run").mkdir(exist_ok=True)
    style = easy_style(folder)
    values = {
        "style": style, "val_style": style, "pairs": 4, "epochs": 2, "workers": 0, "quiet": True,
        "tensorboard": False, "learning_rate": 3e-3, "ema": 0.9, "val_every": 1,
        "val_precision": "float32", **settings,
    }  # fmt: skip
    config = resolve(TrainConfig, None, (), values)
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    return Trainer(
        config=config,
        network=backbone.trainable(2, config.seed),
        maker=maker(folder, style, faces, seed=config.seed, shuffled=config.shuffled_labels),
        val=val_set(folder),
        out=folder / "run",
        device="cpu",
        data_fingerprint="drawn",
        log={"epochs": []},
    )


def resume(run: Trainer) -> None:
    """Go on from what `run` finds in its folder."""
    path = run.out / CHECKPOINT
    run.resume(load_same_run(path, run.device, run.config, run.data_fingerprint))


def val_set(folder: Path) -> ValSet:
    unseen = pair_maker(store(folder, 8, first=100), CROP, easy_style(folder), purpose="val")
    return build_val_set(unseen, folder / "val", fakes=3, reals=3, workers=0, quiet=True)
