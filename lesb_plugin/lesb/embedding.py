"""Embeddings of faces and their pseudo-fakes, computed once and kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Subset

from lesb_plugin.drawing.tensorboard import PICTURED
from lesb_plugin.lesb.dataset import PseudoFakes, Views
from lesb_plugin.lesb.styled import StyledFakes
from lesb_plugin.lfd.pieces import Pieces, piece_folder
from lesb_plugin.lfd.variants import Skipped, check_skipped, load_in_order
from registry import (
    DataError,
    Embedder,
    FitContext,
    dealt_back,
    gather_at_first,
    shared_progress,
    sharpness,
    this_rank,
)

__all__ = ["Embedded", "check_faces", "embed_faces", "embed_own"]

FEWEST = 2  # faces that a split must have
T = TypeVar("T")
V = TypeVar("V")


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


def check_faces(detector: str, context: FitContext) -> None:
    """Raise a DataError if a split has fewer real faces than a fit needs."""
    if min(len(context.train), len(context.val)) < FEWEST:
        raise DataError(
            f"{detector} needs at least {FEWEST} real faces to train on and as many to validate"
            f" on, got {len(context.train)} and {len(context.val)}; add data with --train"
            " and --val"
        )


def embed_faces(
    embedder: Embedder,
    dataset: PseudoFakes | StyledFakes,
    *,
    workers: int,
    max_errors: float,
    quiet: bool,
    pieces: Path | None = None,
) -> Embedded | None:
    """Embed every face of `dataset` and its pairs; more failures than `max_errors` is a DataError.

    `max_errors` is a share of the faces below 1, else a count. Of several ranks each embeds its own
    faces; the first gets all of them, the others None. Finished faces are stored below `pieces`.
    """
    found = embed_own(
        dataset,
        len(dataset),
        partial(_face, embedder),
        Pieces(piece_folder(pieces, "pairs", *dataset.content), _Face, Views),
        split=dataset.purpose,
        workers=workers,
        max_errors=max_errors,
        quiet=quiet,
    )
    every = gather_at_first(found)
    return None if every is None else _joined(dealt_back(every), dataset, max_errors)


def embed_own(
    dataset: Dataset[V | Skipped],
    total: int,
    embed: Callable[[V, bool], T | Skipped],
    pieces: Pieces[T],
    *,
    split: str,
    workers: int,
    max_errors: float,
    quiet: bool,
) -> list[T | Skipped]:
    """Embed this rank's own ones of the `total` faces of `dataset`, save those of `pieces`.

    `embed` is also told whether the face is one of the first few, which are pictured. More
    failures than `max_errors` is a DataError.
    """
    found, faults = list[T | Skipped](), list[Skipped]()
    mine = this_rank().share(range(total))

    def compute(places: Sequence[int]) -> Iterator[T | Skipped]:
        own = Subset(dataset, [mine[at] for at in places])
        for item in load_in_order(own, workers):
            pictured = len(found) - len(faults) < PICTURED
            yield item if isinstance(item, Skipped) else embed(item, pictured)

    items = pieces.each(len(mine), compute)
    label = f"pseudo-fakes ({split})"
    for item in shared_progress(items, label, total=total, unit="face", quiet=quiet):
        found.append(item)
        if isinstance(item, Skipped):
            faults.append(item)
            check_skipped(faults, total, max_errors)
    return found


@dataclass(frozen=True, slots=True)
class _Face:
    """`embeddings` (1 + 2 draws, d) and `sharpness` (1 + 2 draws,), the unchanged face's first."""

    embeddings: NDArray[np.float32]
    sharpness: NDArray[np.float64]
    families: tuple[str, ...]
    example: Views | None


def _face(embedder: Embedder, views: Views, example: bool) -> _Face:
    few = None
    if example:
        few = replace(views, pairs=views.pairs[:1].copy(), families=views.families[:1])
    return _Face(
        embeddings=_embed(embedder, views),
        sharpness=np.array([sharpness(image) for image in _images(views)]),
        families=views.families,
        example=few,
    )


def _joined(
    found: list[_Face | Skipped], dataset: PseudoFakes | StyledFakes, max_errors: float
) -> Embedded:
    faces = [each for each in found if isinstance(each, _Face)]
    skipped = tuple(each for each in found if isinstance(each, Skipped))
    check_skipped(skipped, len(dataset), max_errors)
    if not faces:
        raise DataError(
            f"none of {len(dataset)} faces of the {dataset.purpose} split could be used"
        )
    every = np.stack([face.embeddings for face in faces])  # (n, 1 + 2 draws, d)
    pairs = every[:, 1:].reshape(-1, every.shape[-1])  # (2 n draws, d)
    names = (name for face in faces for family in face.families for name in ("", family))
    examples = [face.example for face in faces[:PICTURED] if face.example is not None]
    return Embedded(
        clean=every[:, 0],
        pairs=pairs,
        labels=np.tile(np.array([0, 1], np.int64), len(pairs) // 2),
        families=np.array(list(names)),
        skipped=skipped,
        examples=tuple(examples),
        sharpness=np.array([face.sharpness for face in faces], np.float32),
    )


def _images(views: Views) -> Iterator[NDArray[np.uint8]]:
    yield views.clean
    yield from views.pairs.reshape(-1, *views.clean.shape)


def _embed(embedder: Embedder, views: Views) -> NDArray[np.float32]:
    embeddings = embedder(np.stack(list(_images(views))))  # (1 + 2 draws, d)
    if not np.isfinite(embeddings).all():
        raise DataError(
            f"backbone {embedder.backbone.name!r} gives NaN or infinite embeddings for {views.key}"
            "; check its weights, or use --precision float32"
        )
    return embeddings
