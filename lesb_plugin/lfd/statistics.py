"""One pass over real faces: the statistics that all parts' subspaces are computed from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.pieces import Pieces, piece_folder
from lesb_plugin.lfd.subspace import Reference, Scatter
from lesb_plugin.lfd.variants import (
    Skipped,
    VariantDataset,
    Variants,
    check_skipped,
    load_in_order,
)
from registry import (
    DataError,
    Embedder,
    Sample,
    add_up,
    dealt_back,
    gather,
    shared_progress,
    this_rank,
)

__all__ = ["Statistics", "collect"]

BLOCK_ROWS = 256  # embeddings that a part collects before one large product adds them up


class Statistics:
    """A scatter per part, the sum of the clean embeddings, and the faces that could not be used."""

    def __init__(self, dim: int, parts: Sequence[str], reference: Reference) -> None:
        self.scatters = {part: Scatter(dim, reference) for part in parts}
        self.clean_sum: NDArray[np.float64] = np.zeros(dim)
        self.faces = 0
        self.skipped: list[Skipped] = []
        self.clock = Clock()
        self._pending: list[_FaceVariants] = []

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean embedding c of the unchanged faces (Eq. 6), (d,)."""
        return self.clean_sum / self.faces

    def add(self, face: _FaceVariants) -> None:
        self._pending.append(face)
        if len(self._pending) * face.variants.shape[1] >= BLOCK_ROWS:
            self.flush()

    def flush(self) -> None:
        if not self._pending:
            return
        clean = np.stack([face.clean for face in self._pending])  # (n, d)
        variants = np.stack([face.variants for face in self._pending])  # (n, K, M, d)
        for k, scatter in enumerate(self.scatters.values()):
            scatter.update(variants[:, k], clean)
        self.clean_sum += clean.sum(axis=0, dtype=np.float64)
        self.faces += len(clean)
        self._pending = []

    def add_up_ranks(self, samples: Sequence[Sample]) -> None:
        """Add the statistics of the other ranks, whose faces make up `samples` with these.

        One all-reduce; afterwards all ranks hold the same bits.
        """
        *vectors, clean = add_up([*map(Scatter.to_vector, self.scatters.values()), self._clean])
        pairs = zip(self.scatters.items(), vectors, strict=True)
        self.scatters = {part: scatter.of_vector(vector) for (part, scatter), vector in pairs}
        self.clean_sum, self.faces = clean[:-1], round(float(clean[-1]))
        place = {sample.key: at for at, sample in enumerate(samples)}
        every = dealt_back(gather(self.skipped))
        self.skipped = sorted(every, key=lambda each: place[each.key])

    @property
    def _clean(self) -> NDArray[np.float64]:
        """Return the sum of clean embeddings and their number, (d + 1,)."""
        return np.append(self.clean_sum, self.faces)


def collect(
    embedder: Embedder,
    dataset: VariantDataset,
    *,
    reference: Reference,
    workers: int,
    max_errors: float,
    quiet: bool,
    pieces: Path | None = None,
) -> Statistics:
    """Embed every face of `dataset` and its variants once, for all parts at the same time.

    Of several ranks each embeds its own faces, and all get the statistics of all of them. Finished
    faces are stored below `pieces`.
    """
    found = Statistics(embedder.backbone.dim, dataset.regions.names, reference)
    count = len(dataset.samples)
    mine = [dataset.samples[at] for at in this_rank().share(range(count))]

    def compute(places: Sequence[int]) -> Iterator[_FaceVariants | Skipped]:
        few = replace(dataset, samples=[mine[at] for at in places])
        return _faces(embedder, few, workers, found.clock)

    folder = piece_folder(pieces, "LFD", *dataset.content)
    faces = Pieces(folder, _FaceVariants).each(len(mine), compute)
    with found.clock.measure("total"):
        for face in shared_progress(faces, "LFD", total=count, unit="face", quiet=quiet):
            if isinstance(face, Skipped):
                found.skipped.append(face)
                check_skipped(found.skipped, count, max_errors)
            else:
                with found.clock.measure("statistics"):
                    found.add(face)
        found.flush()
        if this_rank().count > 1:
            found.add_up_ranks(dataset.samples)
            check_skipped(found.skipped, count, max_errors)
    return found


class Clock:
    """Wall seconds per stage; `augmentation` is summed over workers, in parallel to the other
    stages.
    """

    def __init__(self) -> None:
        stages = ("augmentation", "waiting", "forward", "statistics", "total")
        self.spent = dict.fromkeys(stages, 0.0)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent[stage] += time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class _FaceVariants:
    """Embeddings of one face: `clean` (d,), `variants` (K, M, d)."""

    clean: NDArray[np.float32]
    variants: NDArray[np.float32]


def _faces(
    embedder: Embedder, dataset: VariantDataset, workers: int, clock: Clock
) -> Iterator[_FaceVariants | Skipped]:
    items = load_in_order(dataset, workers)
    for _ in dataset.samples:
        embedded: list[_FaceVariants] = []
        skipped: Skipped | None = None
        for _ in range(dataset.items_per_sample):
            with clock.measure("waiting"):
                item = next(items)
            if isinstance(item, Skipped):
                skipped = item
                continue
            clock.spent["augmentation"] += item.seconds
            with clock.measure("forward"):
                embedded.append(_embed(embedder, item))
        yield skipped or _joined(embedded)


def _joined(pieces: list[_FaceVariants]) -> _FaceVariants:
    return _FaceVariants(
        pieces[0].clean, np.concatenate([piece.variants for piece in pieces], axis=1)
    )


def _embed(embedder: Embedder, item: Variants) -> _FaceVariants:
    parts, count = item.images.shape[:2]
    flat = item.images.reshape(-1, *item.clean.shape)  # (K m, S, S, 3)
    embeddings = embedder(np.concatenate([item.clean[None], flat]))  # (1 + K m, d)
    if not np.isfinite(embeddings).all():
        raise DataError(
            f"backbone {embedder.backbone.name!r} gives NaN or infinite embeddings for {item.key}; "
            "check its weights, or use --precision float32"
        )
    return _FaceVariants(embeddings[0], embeddings[1:].reshape(parts, count, -1))
