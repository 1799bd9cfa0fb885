"""Divide an evaluation's frames into chunks: those to score here, and those already finished."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from registry.console import ProgressBar, progress_bar
from registry.contracts.detector import EmbeddingDetector
from registry.contracts.types import Video, VideoIndex
from registry.data.index import data_fingerprint
from registry.detectors.model import Model
from registry.errors import BenchError, DataError
from registry.faces.reader import FaceReader
from registry.files import CACHE_ADVICE, cache_dir, writable_folder, write_text
from registry.plugins.chosen import Chosen
from registry.ranks import dealt, this_rank, wait_for_all
from registry.results.method_groups import MethodGroup
from registry.results.parts import Shard
from registry.results.run_contents import CHUNKS
from registry.scoring.chunks import Chunk, ChunkStore, Unit, cut
from registry.scoring.failures import Failures
from registry.scoring.scorer import Scorer
from registry.scoring.sealed import tell_no_cache
from registry.scoring.stored_chunks import StoredChunks
from registry.settings.load import as_yaml
from registry.settings.tasks import EvalConfig

__all__ = ["EvalJob", "check_failures", "score", "write_config"]

_LOOK = 2.0  # seconds


@dataclass(frozen=True, kw_only=True)
class EvalJob:
    """Everything that an evaluation needs, built before the first frame is read."""

    config: EvalConfig
    chosen: Chosen
    model: Model
    data: list[VideoIndex]
    videos: list[Video]
    units: list[Unit]
    folder: Path
    reader: FaceReader
    groups: tuple[MethodGroup, ...]
    shard: Shard = field(default_factory=Shard)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @cached_property
    def pieces(self) -> list[Sequence[Unit]]:
        """Return the frames of every chunk, of this shard or not."""
        return cut(self.units, self.config.chunk)

    @cached_property
    def maker(self) -> list[str]:
        """Return what determines a chunk's values, apart from its frames."""
        faces = [self.reader.fingerprint, repr(self.model.crop)]
        if isinstance(self.model.detector, EmbeddingDetector):
            half = [] if self.config.embeddings == "float32" else [self.config.embeddings]
            return ["embedding", self.model.detector.encoder, *faces, *half]
        encoder = "" if self.model.embedder is None else self.model.embedder.encoder
        return [
            "scores",
            self.model.spec.name,
            self.model.spec.source,
            encoder,
            self.model.artefact_sha256,
            repr(sorted(self.config.options.items())),
            str(self.config.seed),
            *faces,
        ]

    @cached_property
    def data_fingerprint(self) -> str:
        """Return the fingerprint of all videos."""
        return data_fingerprint(self.videos)

    def frames(self, chunks: Iterable[int]) -> int:
        """Count the frames of these chunks."""
        return sum(len(self.pieces[index]) for index in chunks)

    def store(self, folder: Path, *, cached: bool = True) -> ChunkStore:
        """Return the chunks of a run folder, and of the cache if the detector has embeddings."""
        return ChunkStore(folder / CHUNKS, self.maker, self._cache() if cached else None)

    def _cache(self) -> Path | None:
        if self.config.cache and isinstance(self.model.detector, EmbeddingDetector):
            try:
                return writable_folder(cache_dir() / "embeddings", CACHE_ADVICE)
            except BenchError as error:
                tell_no_cache(Path("embeddings"), error)
        return None


def score(job: EvalJob) -> Mapping[int, Chunk]:
    """Score the chunks of the job's shard, by index: finished ones are found, others computed.

    Of several ranks each computes its own, and the first returns those of all of them.
    """
    rank, store = this_rank(), job.store(job.folder)
    shard = job.shard.chunks(len(job.pieces))
    mine = dealt(shard, rank.number, rank.count)
    others = _OtherRanks(job, set(shard) - set(mine) if rank.first else set())
    before = others.advanced()
    finished, failures = _found(job, store, mine)
    failures.check()
    missing = [index for index in mine if index not in finished]
    total, done = job.frames(shard), before + job.frames(finished)
    job.counts["frames"] = total - done
    wait_for_all()  # before any rank adds to what the others have just counted
    with (
        progress_bar(
            job.config.detector, total=total, done=done, unit="frame", quiet=job.config.quiet
        ) as advance,
        closing(_computed(job, missing, advance)) as computed,
    ):
        for index, chunk in computed:
            store.put(index, job.pieces[index], chunk)
            finished.add(index, store)
            failures.add(job.pieces[index], chunk)
            failures.check()
            advance(others.advanced())
        wait_for_all(lambda: advance(others.advanced()))
        advance(others.rest())
    return _collected(job, store, shard, finished) if rank.first else finished


def _found(
    job: EvalJob, store: ChunkStore, indices: Sequence[int]
) -> tuple[StoredChunks, Failures]:
    """Return the chunks that are already finished, and what failed in them."""
    finished, failures = StoredChunks(job.pieces), _no_failures(job)
    for index in indices:
        chunk = store.find(index, job.pieces[index])
        if chunk is not None:
            finished.add(index, store)
            failures.add(job.pieces[index], chunk)
    if this_rank().first:
        write_config(job)  # nothing there is of another run
    return finished, failures


def _collected(
    job: EvalJob, store: ChunkStore, shard: Sequence[int], mine: StoredChunks
) -> StoredChunks:
    """Return the chunks of a shard: `mine` and those that other ranks left in the folder."""
    others = [index for index in shard if index not in mine]
    for index in others:
        if store.finished(index, job.pieces[index]) is None:
            raise DataError(
                f"another rank has scored the frames of {store.path(index)}, which is"
                f" missing or was made from files that have changed since: {job.folder}"
                " must be the same folder for all ranks. Run the same line again"
            )
        mine.add(index, store)
    if others:
        check_failures(job, mine)
    return mine


class _OtherRanks:
    """Follows the other ranks' progress by their finished chunks' files."""

    def __init__(self, job: EvalJob, chunks: set[int]) -> None:
        self._job, self._folder = job, job.folder / CHUNKS
        self._waiting = {f"{index:06d}.npz": index for index in chunks}
        self._next = 0.0

    def advanced(self) -> int:
        """Count frames finished since the last call; checked at most every two seconds."""
        if not self._waiting or time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + _LOOK
        if not self._folder.is_dir():
            return 0
        there = [path.name for path in self._folder.iterdir() if path.name in self._waiting]
        return self._job.frames([self._waiting.pop(name) for name in there])

    def rest(self) -> int:
        """Count the remaining frames, once all ranks have reported to be done."""
        return self._job.frames(self._waiting.values())


def write_config(job: EvalJob) -> None:
    """Write config.yaml, which describes the run in the folder."""
    write_text(job.folder / "config.yaml", as_yaml(job.config))


def check_failures(job: EvalJob, chunks: Mapping[int, Chunk]) -> Failures:
    """Count the failed frames of chunks; a DataError if there are more than the whole may have."""
    failures = _no_failures(job)
    for index, chunk in chunks.items():
        failures.add(job.pieces[index], chunk)
    failures.check()
    return failures


def _no_failures(job: EvalJob) -> Failures:
    return Failures(len(job.units), job.config.max_errors, job.folder)


def _computed(
    job: EvalJob, missing: Sequence[int], advance: ProgressBar
) -> Generator[tuple[int, Chunk], None, None]:
    """Yield missing chunks as they are finished, each with its index."""
    model, config = job.model, job.config
    name, source = model.spec.name, model.spec.source
    scorer = Scorer(
        model.detector, name, source, job.reader, model.crop, config.embeddings, model.streams
    )
    pieces = [job.pieces[index] for index in missing]
    remaining = iter(missing)
    with closing(scorer.run(pieces, config.batch, config.workers)) as steps:
        for step in steps:
            if isinstance(step, int):
                advance(step)
            else:
                yield next(remaining), step
