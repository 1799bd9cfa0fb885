"""Score frames in chunks: threads read and crop faces while the detector computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.contracts.detector import Detector, EmbeddingDetector
from registry.contracts.types import Crop, CropPolicy, Scores
from registry.data.videos import is_video
from registry.errors import ConfigError, DataError, PluginError, guarded, reading
from registry.faces.crops import crop_face
from registry.faces.quality import sharpness
from registry.faces.reader import FaceReader, reason_without_path
from registry.results.predictions import OK, SHARPNESS
from registry.scoring.chunks import Chunk, Unit, Values
from registry.scoring.parallel import BatchStreams
from registry.scoring.shard_prefetch import ShardPrefetch

__all__ = ["Scorer", "by_file", "read_ahead", "score_columns"]

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(
    pool: Executor,
    call: Callable[[Sequence[T]], Sequence[R]],
    groups: Iterable[Sequence[T]],
    depth: int,
    least: int = 1,
) -> Generator[R, None, None]:
    """Run `call` on each group, its results in order, one by one.

    About `depth` results are in flight or waiting, but no fewer than `least` groups.
    """
    waiting: deque[tuple[int, Future[Sequence[R]]]] = deque()
    ahead = 0
    try:
        for group in groups:
            waiting.append((len(group), pool.submit(call, group)))
            ahead += len(group)
            while ahead >= depth and len(waiting) >= least:
                yield from waiting[0][1].result()
                ahead -= waiting.popleft()[0]
        while waiting:
            yield from waiting.popleft()[1].result()
    finally:
        for _, future in waiting:
            future.cancel()


def by_file(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Sort units so that those of one video file are together: one thread decodes it once."""
    group: list[Unit] = []
    for unit in units:
        path = unit.frame.path
        if group and not (is_video(path) and path == group[-1].frame.path):
            yield group
            group = []
        group.append(unit)
    if group:
        yield group


class Scorer:
    """A detector with everything it needs to score frames.

    `streams` say how many batches are computed at once: several only for a detector that may be
    called from several threads.
    """

    def __init__(
        self,
        detector: Detector,
        name: str,
        source: str,
        reader: FaceReader,
        policy: CropPolicy,
        dtype: str = "float32",
        streams: BatchStreams | None = None,
    ) -> None:
        self._detector = detector
        self._name = f"detector {name!r}"
        self._source = source
        self._reader = reader
        self._policy = policy
        self._dtype = dtype  # of embeddings
        self._streams = streams or BatchStreams()

    def run(
        self, pieces: Sequence[Sequence[Unit]], batch_size: int, workers: int
    ) -> Generator[int | Chunk, None, None]:
        """Score pieces in order while threads read ahead: yields frames done, then each chunk."""
        waiting = (group for piece in pieces for group in by_file(piece))
        depth = 2 * batch_size + workers
        counts = [len(piece) for piece in pieces]
        with (
            ShardPrefetch(pieces) as shards,
            ThreadPoolExecutor(max(1, workers), initializer=shards.enlist) as pool,
            closing(read_ahead(pool, self._reading(shards), waiting, depth, workers)) as crops,
        ):
            try:
                yield from self.compute(crops, counts, batch_size)
            finally:  # before the pool waits for its threads
                shards.stop()

    def _reading(self, shards: ShardPrefetch) -> Callable[[Sequence[Unit]], list[list[Crop] | str]]:
        """Return `crops_of`, which tells `shards` how far it is."""

        def read(units: Sequence[Unit]) -> list[list[Crop] | str]:
            with shards.reading(units[0].frame.path):
                return self.crops_of(units)

        return read

    def crops_of(self, units: Sequence[Unit]) -> list[list[Crop] | str]:
        """Return `crops` of each unit, in order."""
        return [self.crops(unit) for unit in units]

    def crops(self, unit: Unit) -> list[Crop] | str:
        """Cut the faces of a frame, or give the reason why there are none."""
        try:
            with reading(unit.frame.path):
                image, faces = self._reader.read(unit.frame)
                crops = [crop_face(image, face, self._policy) for face in faces]
        except DataError as error:
            return reason_without_path(error, unit.frame)
        return [
            replace(
                crop,
                dataset=unit.video.dataset,
                video=unit.video.id,
                frame=unit.frame.index,
                face=face,
                sharpness=sharpness(crop.image),
            )
            for face, crop in enumerate(crops)
        ]

    def compute(
        self, crops_of: Iterator[list[Crop] | str], counts: Iterable[int], batch_size: int
    ) -> Generator[int | Chunk, None, None]:
        """Score pieces of so many frames each, whose faces are the next ones of `crops_of`.

        Yields frames done, and the chunk at the end of each piece.
        """
        # Where several are computed at once, one more is ready for the first that has finished.
        ahead = self._streams.count + (self._streams.count > 1)
        batches = ([batch] for batch in _batches(crops_of, counts, batch_size))
        outputs: list[Values] = []
        with (
            self._streams.open() as pool,
            closing(read_ahead(pool, self._scored, batches, ahead)) as scored,
        ):
            for batch, output in scored:
                outputs += output
                yield batch.frames
                if batch.rows is not None:
                    yield batch.rows.chunk(outputs)
                    outputs = []

    def _scored(self, batches: Sequence[_FaceBatch]) -> list[tuple[_FaceBatch, list[Values]]]:
        return [(each, [self._score(each.crops)] if each.crops else []) for each in batches]

    def _score(self, crops: Sequence[Crop]) -> Values:
        detector = self._detector
        quality = np.array([_sharpness_of(crop) for crop in crops], np.float32)
        with self._reader.clock.measure("forward"):
            if isinstance(detector, EmbeddingDetector):
                embedding = guarded(self._name, self._source, detector.embed, crops)
                return {"embedding": self._stored(embedding), SHARPNESS: quality}
            scores = guarded(self._name, self._source, detector.score, crops)
        return {**score_columns(scores, len(crops), self._name), SHARPNESS: quality}

    def _stored(self, embedding: object) -> NDArray[np.float16] | NDArray[np.float32]:
        """Convert (B, d) to the stored precision; a ConfigError if values do not fit."""
        exact = np.asarray(embedding, dtype=np.float32)
        if self._dtype == "float32":
            return exact
        with np.errstate(over="ignore"):
            half = exact.astype(np.float16)
        if (np.isinf(half) & np.isfinite(exact)).any():
            raise ConfigError(
                f"an embedding of {self._name} holds {np.abs(exact).max():.3g}, and float16 ends at"
                " 65504; leave out --embeddings float16"
            )
        return half


def _sharpness_of(crop: Crop) -> float:
    return sharpness(crop.image) if crop.sharpness is None else crop.sharpness


@dataclass(frozen=True, slots=True)
class _FaceBatch:
    """Faces to score together, the number of frames read for them, and with the last faces of a
    piece its rows.
    """

    crops: Sequence[Crop]
    frames: int
    rows: _Rows | None = None


def _batches(
    crops_of: Iterator[list[Crop] | str], counts: Iterable[int], batch_size: int
) -> Iterator[_FaceBatch]:
    """Divide the faces of each piece of so many frames into batches."""
    for count in counts:
        rows = _Rows()
        pending: list[Crop] = []
        frames = 0
        for unit in range(count):
            found = next(crops_of)
            rows.add(unit, found)
            frames += 1
            if isinstance(found, str):
                continue
            pending += found
            while len(pending) >= batch_size:
                yield _FaceBatch(pending[:batch_size], frames)
                pending, frames = pending[batch_size:], 0
        yield _FaceBatch(pending, frames, rows)


class _Rows:
    """Collects the rows of a chunk."""

    def __init__(self) -> None:
        self.unit: list[int] = []
        self.face: list[int] = []
        self.box: list[tuple[int, int, int, int]] = []
        self.status: list[str] = []

    def add(self, unit: int, found: list[Crop] | str) -> None:
        rows: list[tuple[int, tuple[int, int, int, int], str]]
        if isinstance(found, str):
            rows = [(0, (0, 0, 0, 0), found)]
        else:
            rows = [(crop.face, crop.box, OK) for crop in found]
        for face, box, status in rows:
            self.unit.append(unit)
            self.face.append(face)
            self.box.append(box)
            self.status.append(status)

    def chunk(self, outputs: list[Values]) -> Chunk:
        names = list(outputs[0]) if outputs else []
        values: Values = {
            name: np.concatenate([output[name] for output in outputs]) for name in names
        }
        status = np.asarray(self.status, dtype=np.str_)
        return Chunk(
            unit=np.asarray(self.unit, dtype=np.int32),
            face=np.asarray(self.face, dtype=np.int32),
            box=np.asarray(self.box, dtype=np.int32).reshape(-1, 4),
            status=_mark_not_finite(status, values),
            values=values,
        )


def _mark_not_finite(status: NDArray[np.str_], values: Values) -> NDArray[np.str_]:
    """Turn rows whose output is not finite into error rows and drop their output from `values`."""
    if not values:
        return status
    finite = np.logical_and.reduce(
        [np.isfinite(array.reshape(len(array), -1)).all(axis=1) for array in values.values()]
    )
    if finite.all():
        return status
    what = "embedding" if "embedding" in values else "score"
    marked = status.astype(object)
    marked[np.flatnonzero(status == OK)[~finite]] = f"{what} is not finite"
    for name in list(values):
        values[name] = values[name][finite]
    return marked.astype(np.str_)


def score_columns(scores: Scores, count: int, name: str) -> dict[str, NDArray[np.float64]]:
    """Return columns `fake`, `fake_<variant>` and `p_<part>` of a detector's scores, checked."""
    columns = {"fake": scores.fake}
    columns |= {f"fake_{variant}": array for variant, array in scores.variants.items()}
    columns |= {f"p_{part}": array for part, array in scores.regions.items()}
    checked = {}
    for column, array in columns.items():
        values = np.asarray(array, dtype=np.float64)
        if values.shape != (count,):
            raise PluginError(
                f"{name} gave {column!r} of shape {values.shape} for {count} crops;"
                f" expected ({count},)"
            )
        outside = np.isfinite(values) & ((values < 0) | (values > 1))
        if outside.any():
            raise PluginError(
                f"{name} gave {column!r} = {values[outside][0]:.6g}; scores must be in [0,"
                " 1], higher meaning more fake"
            )
        checked[column] = values
    return checked
