"""A LESB of random subspaces and heads on a tiny network, for tests of what is made of one."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.fitted import FittedLesb, ValReals
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import Lfd, describe_backbone
from lesb_plugin.lfd.presets import region_preset
from registry import Backbone, Crop
from registry.plugins import load_plugins

__all__ = ["BACKBONE", "backbone", "fitted", "pictures", "save_artefact", "to_crops"]

BACKBONE = "timm/test_efficientnet"
RANK, HIDDEN = 4, 8


def backbone() -> Any:
    return load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)


def fitted(built: Backbone, *, probe: bool = False, precision: str = "float32") -> FittedLesb:
    rng = np.random.default_rng(0)
    regions = region_preset("eyes_nose_mouth")
    parts = len(regions.names)
    lfd = Lfd(
        regions=regions,
        bases={
            name: np.linalg.qr(rng.normal(size=(built.dim, RANK)))[0].astype(np.float32)
            for name in regions.names
        },
        eigenvalues={name: np.ones(built.dim) for name in regions.names},
        mean=rng.normal(size=built.dim, scale=0.01).astype(np.float32),
        diagnostics={},
        provenance={
            "backbone": describe_backbone(built),
            "precision": precision,
            "versions": {"lesb-plugin": importlib.metadata.version("lesb-plugin")},
        },
    )
    shapes = {
        "mean": (RANK,), "scale": (RANK,), "weight1": (RANK, HIDDEN), "bias1": (HIDDEN,),
        "weight2": (HIDDEN,), "bias2": (),
    }  # fmt: skip
    arrays = {
        name: rng.normal(size=(parts, *shape)).astype(np.float32) for name, shape in shapes.items()
    }
    arrays["scale"] = np.abs(arrays["scale"]) + 0.05
    return FittedLesb(
        lfd=lfd,
        heads=Heads(**arrays),
        probe=Probe(weight=rng.normal(size=built.dim), bias=0.3, strength=1.0, auc=0.5)
        if probe
        else None,
        reals=ValReals.of(rng.random((parts, 5)), rng.random(5)),
        record={"head": "probe" if probe else "own", "datasets": ["drawn"]},
    )


def save_artefact(folder: Path, **settings: Any) -> Path:
    return fitted(backbone(), **settings).save(folder / "artefact.safetensors")


def pictures(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    """(count, size, size, 3), each of noise about colours of its own."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0, 255, (count, 1, 1, 3))
    noisy = levels + rng.normal(0, 50, (count, size, size, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def to_crops(images: NDArray[np.uint8]) -> list[Crop]:
    size = images.shape[1]
    return [Crop(image=image, landmarks=None, box=(0, 0, size, size)) for image in images]
