"""A LESB of random subspaces and heads on a tiny network, for tests of what is made of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.fitted import FittedLesb, ValReals
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.artefact import Lfd, describe_backbone
from lesb_plugin.lfd.presets import region_preset
from registry import Backbone, Crop, Embedder
from registry.plugins.discovery import load_plugins

__all__ = ["BACKBONE", "backbone", "fitted", "pictures", "save_artefact", "to_crops"]

BACKBONE = "timm/test_efficientnet"
RANK, HIDDEN = 4, 8


def backbone() -> Any:
    return load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)


def fitted(built: Backbone, *, probe: bool = False, precision: str = "float32") -> FittedLesb:
    """Standardised on pictures, so that their scores spread."""
    rng = np.random.default_rng(0)
    embeddings = Embedder(built)(pictures(16, built.crop.size, seed=9))  # (16, d)
    regions = region_preset("eyes_nose_mouth")
    bases = {
        name: np.linalg.qr(rng.normal(size=(built.dim, RANK)))[0].astype(np.float32)
        for name in regions.names
    }
    lfd = Lfd(
        regions=regions,
        bases=bases,
        eigenvalues={name: np.ones(built.dim) for name in regions.names},
        mean=embeddings.mean(axis=0),
        diagnostics={},
        provenance={"backbone": describe_backbone(built), "precision": precision},
    )
    parts = len(regions.names)
    return FittedLesb(
        lfd=lfd,
        heads=_heads(np.stack(list(lfd.project(embeddings).values())), rng),
        probe=_probe(embeddings, rng) if probe else None,
        reals=ValReals.of(rng.random((parts, 5)), rng.random(5)),
        record={"head": "probe" if probe else "own", "datasets": ["drawn"]},
    )


def _heads(local: NDArray[np.float32], rng: np.random.Generator) -> Heads:
    """Of local embeddings (K, n, r)."""
    parts = len(local)

    def drawn(*shape: int, scale: float) -> NDArray[np.float32]:
        return rng.normal(size=(parts, *shape), scale=scale).astype(np.float32)

    return Heads(
        mean=local.mean(axis=1),
        scale=local.std(axis=1),
        weight1=drawn(RANK, HIDDEN, scale=RANK**-0.5),
        bias1=drawn(HIDDEN, scale=0.1),
        weight2=drawn(HIDDEN, scale=HIDDEN**-0.5),
        bias2=drawn(scale=0.1),
    )


def _probe(embeddings: NDArray[np.float32], rng: np.random.Generator) -> Probe:
    weight = rng.normal(size=embeddings.shape[1]) / np.linalg.norm(embeddings.std(axis=0))
    bias = -float(embeddings.mean(axis=0) @ weight)
    return Probe(weight=weight, bias=bias, strength=1.0, auc=0.5)


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
