"""Embeddings of faces and their pseudo-fakes, computed once and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.tensorboard import PICTURED
from lesb_plugin.lesb.dataset import PseudoFakes, Views
from lesb_plugin.lesb.styled import StyledFakes
from lesb_plugin.lfd.variants import Skipped, check_skipped, load_in_order
from registry import DataError, Embedder, progress, sharpness

__all__ = ["Embedded", "embed_faces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Embeddings of n faces: `clean` (n, d) unchanged, `pairs` (2 n draws, d) and their `labels`.

    Every real of `pairs` (label 0) is followed by its fake (label 1). `families` (2 n draws,) are
    of the fakes, "" for reals. `skipped` could not be used; `shown` are a few faces with one pair.
    """

    clean: NDArray[np.float32]
    pairs: NDArray[np.float32]
    labels: NDArray[np.int64]
    families: NDArray[np.str_]
    skipped: tuple[Skipped, ...]
    examples: tuple[Views, ...]
    sharpness: NDArray[np.float32] | None = None  # (n, 1 + 2 draws), the unchanged face's first


def embed_faces(
    embedder: Embedder,
    dataset: PseudoFakes | StyledFakes,
    *,
    workers: int,
    max_errors: float,
    quiet: bool,
) -> Embedded:
    """Embed every face of `dataset` and its pairs; more failures than `max_errors` is a DataError.

    `max_errors` is a share of the faces below 1, else a count.
    """
    items = load_in_order(dataset, workers)
    label = f"pseudo-fakes ({dataset.purpose})"
    found: list[NDArray[np.float32]] = []  # (1 + 2 draws, d) each, the clean face first
    skipped: list[Skipped] = []
    families: list[str] = []
    examples: list[Views] = []
    measured: list[list[float]] = []
    for item in progress(items, label, total=len(dataset), unit="face", quiet=quiet):
        if isinstance(item, Skipped):
            skipped.append(item)
            check_skipped(skipped, len(dataset), max_errors)
            continue
        found.append(_embed(embedder, item))
        flat = item.pairs.reshape(-1, *item.clean.shape)
        measured.append([sharpness(image) for image in (item.clean, *flat)])
        families += [name for family in item.families for name in ("", family)]
        if len(examples) < PICTURED:
            examples.append(replace(item, pairs=item.pairs[:1].copy(), families=item.families[:1]))
    if not found:
        raise DataError(
            f"none of {len(dataset)} faces of the {dataset.purpose} split could be used"
        )
    every = np.stack(found)  # (n, 1 + 2 draws, d)
    pairs = every[:, 1:].reshape(-1, every.shape[-1])  # (2 n draws, d)
    return Embedded(
        clean=every[:, 0],
        pairs=pairs,
        labels=np.tile(np.array([0, 1], np.int64), len(pairs) // 2),
        families=np.array(families),
        skipped=tuple(skipped),
        examples=tuple(examples),
        sharpness=np.array(measured, np.float32),
    )


def _embed(embedder: Embedder, views: Views) -> NDArray[np.float32]:
    flat = views.pairs.reshape(-1, *views.clean.shape)  # (2 draws, S, S, 3)
    embeddings = embedder(np.concatenate([views.clean[None], flat]))
    if not np.isfinite(embeddings).all():
        raise DataError(
            f"backbone {embedder.backbone.name!r} gives NaN or infinite embeddings for {views.key}"
            "; check its weights, or use --precision float32"
        )
    return embeddings
