"""An evaluation's frames in chunks: those that a process scores, and what was finished before."""

from __future__ import annotations

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
from registry.errors import BenchError
from registry.faces.reader import FaceReader
from registry.files import CACHE_ADVICE, cache_dir, writable_folder, write_text
from registry.plugins.chosen import Chosen
from registry.results.method_groups import MethodGroup
from registry.results.parts import Shard
from registry.scoring.chunks import Chunk, ChunkStore, Unit, cut
from registry.scoring.failures import Failures
from registry.scoring.scorer import Scorer
from registry.scoring.sealed import tell_no_cache
from registry.settings.load import as_yaml
from registry.settings.tasks import EvalConfig

__all__ = ["CHUNKS", "EvalJob", "check_failures", "score", "write_config"]

CHUNKS = "chunks"  # finished work in a run's folder


@dataclass(frozen=True, kw_only=True)
class EvalJob:
    """Everything that names stand for, built before the first frame is read."""

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
        """The frames of every chunk, of this shard or not."""
        return cut(self.units, self.config.chunk)

    @cached_property
    def maker(self) -> list[str]:
        """What decides a chunk's values, apart from its frames."""
        faces = [self.reader.fingerprint, repr(self.model.crop)]
        if isinstance(self.model.detector, EmbeddingDetector):
            return ["embedding", self.model.detector.encoder, *faces]
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
        """Of all the videos."""
        return data_fingerprint(self.videos)

    def store(self, folder: Path, *, cached: bool = True) -> ChunkStore:
        """The chunks of a run folder, and of the cache where the detector has embeddings."""
        return ChunkStore(folder / CHUNKS, self.maker, self._cache() if cached else None)

    def _cache(self) -> Path | None:
        if self.config.cache and isinstance(self.model.detector, EmbeddingDetector):
            try:
                return writable_folder(cache_dir() / "embeddings", CACHE_ADVICE)
            except BenchError as error:
                tell_no_cache(Path("embeddings"), error)
        return None


def score(job: EvalJob) -> dict[int, Chunk]:
    """The chunks of the job's shard by index: found finished, or computed while frames are read."""
    store = job.store(job.folder)
    mine = job.shard.chunks(len(job.pieces))
    found = {index: store.find(index, job.pieces[index]) for index in mine}
    finished = {index: chunk for index, chunk in found.items() if chunk is not None}
    write_config(job)  # nothing there is of another run
    failures = check_failures(job, finished)
    missing = [index for index in mine if index not in finished]
    job.counts["frames"] = _frames(job, missing)
    with (
        progress_bar(
            job.config.detector,
            total=_frames(job, mine),
            done=_frames(job, finished),
            unit="frame",
            quiet=job.config.quiet,
        ) as advance,
        closing(_computed(job, missing, advance)) as computed,
    ):
        for index, chunk in computed:
            finished[index] = chunk
            store.put(index, job.pieces[index], chunk)
            failures.add(job.pieces[index], chunk)
            failures.check()
    return {index: finished[index] for index in mine}


def write_config(job: EvalJob) -> None:
    """Say in the run folder what it is a run of."""
    write_text(job.folder / "config.yaml", as_yaml(job.config))


def check_failures(job: EvalJob, chunks: Mapping[int, Chunk]) -> Failures:
    """Count the failed frames of chunks; DataError where there are more than the whole may have."""
    failures = Failures(len(job.units), job.config.max_errors, job.folder)
    for index, chunk in chunks.items():
        failures.add(job.pieces[index], chunk)
    failures.check()
    return failures


def _frames(job: EvalJob, indices: Iterable[int]) -> int:
    return sum(len(job.pieces[index]) for index in indices)


def _computed(
    job: EvalJob, missing: Sequence[int], advance: ProgressBar
) -> Generator[tuple[int, Chunk], None, None]:
    """Missing chunks as they are finished, each with its index."""
    model, config = job.model, job.config
    scorer = Scorer(model.detector, model.spec.name, model.spec.source, job.reader, model.crop)
    pieces = [job.pieces[index] for index in missing]
    remaining = iter(missing)
    with closing(scorer.run(pieces, config.batch_size, config.workers)) as steps:
        for step in steps:
            if isinstance(step, int):
                advance(step)
            else:
                yield next(remaining), step
