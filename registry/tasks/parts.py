"""Split one evaluation into shards for independent processes, and merge them.

Each process scores its shard of the chunks into a folder of its own. Merging finds the data and
builds the model once more, but scores nothing: the result is what one process would have left.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from registry.errors import ConfigError, DataError
from registry.files import replacing
from registry.fingerprints import fingerprint
from registry.ranks import this_rank, wait_for_all
from registry.results.parts import Part, Shard
from registry.results.result import Result
from registry.scoring.stored_chunks import StoredChunks
from registry.settings.load import resolve
from registry.settings.tasks import EvalConfig
from registry.tasks.chunked import EvalJob, check_failures, write_config
from registry.tasks.evaluate import measure_job, opened, prepare_job, timed_score

__all__ = ["evaluate_shard", "merge_parts"]

# What may differ between parts: it changes no score.
_FREE = {"out", "overwrite", "quiet", "workers", "cache", "device"}


@dataclass(frozen=True, slots=True)
class _Stored:
    """A part and the folder that it was read from."""

    folder: Path
    part: Part
    config: EvalConfig


def evaluate_shard(config: EvalConfig, shard: Shard) -> tuple[Part, Path]:
    """Score one shard of an evaluation; return its run folder, with chunks and part.json.

    Numbers exist only after all parts are merged. An interrupted part resumes where it stopped.
    """
    job = prepare_job(config, shard)
    with opened(job):
        part = Part(
            shard=shard,
            frames=len(job.units),
            maker=fingerprint(job.maker),
            data_fingerprint=job.data_fingerprint,
        )
        first = this_rank().first
        if first:
            part.save(job.folder)
        timed_score(job)
        frames, seconds = job.counts["frames"], dict(job.seconds)
        part = replace(part, finished=True, frames_scored=frames, seconds=seconds)
        if first:
            part.save(job.folder)
    wait_for_all()
    return part, job.folder


def merge_parts(
    folders: Sequence[Path], out: Path, *, overwrite: bool = False, quiet: bool = False
) -> Result:
    """Merge the parts in `folders` into the run that one process would have left in `out`.

    Raises a BenchError if a shard is missing or given twice, or if parts differ in settings,
    data or weights, from each other or from those here.
    """
    parts = [_stored(folder) for folder in folders]
    _check_complete(parts)
    for other in parts[1:]:
        _check_alike(parts[0], other)
    if out.resolve() in {each.folder.resolve() for each in parts}:
        raise ConfigError(f"--out {out} is one of the parts; choose another folder")
    job = prepare_job(replace(parts[0].config, out=str(out), overwrite=overwrite, quiet=quiet))
    _check_same_as_here(parts[0], job)
    chunks = _chunks(parts, job)
    with opened(job):
        write_config(job)
        check_failures(job, chunks)
        for each in parts:
            for index in each.part.shard.chunks(len(job.pieces)):
                _link(job.store(each.folder, cached=False).path(index), job)
        job.counts["frames"] = sum(each.part.frames_scored for each in parts)
        job.seconds["score"] = sum(each.part.seconds.get("score", 0) for each in parts)
        return measure_job(job, chunks)


def _stored(folder: Path) -> _Stored:
    part = Part.load(folder)
    if not part.finished:
        raise DataError(
            f"shard {part.shard} in {folder} is not finished; run its line again, then merge"
        )
    return _Stored(folder, part, resolve(EvalConfig, folder / "config.yaml"))


def _check_complete(parts: Sequence[_Stored]) -> None:
    """Raise a ConfigError unless every shard is given exactly once."""
    if not parts:
        raise ConfigError("no parts to merge; name the folders of `bench eval --shard I/N`")
    seen: dict[int, Path] = {}
    count = parts[0].part.shard.count
    for each in parts:
        shard = each.part.shard
        if shard.count != count:
            raise ConfigError(
                f"{parts[0].folder} is one of {count} parts and {each.folder} one of"
                f" {shard.count}; merge parts of the same evaluation"
            )
        if shard.number in seen:
            raise ConfigError(
                f"{seen[shard.number]} and {each.folder} both hold shard {shard}; omit one"
            )
        seen[shard.number] = each.folder
    missing = [str(number) for number in range(1, count + 1) if number not in seen]
    if missing:
        raise ConfigError(
            f"missing shards of {count}: {', '.join(missing)}; name their folders too"
        )


def _check_alike(one: _Stored, other: _Stored) -> None:
    """Raise a ConfigError if two parts belong to different evaluations."""
    mine, theirs = asdict(one.config), asdict(other.config)
    both = f"{one.folder} and {other.folder}"
    for name in mine:
        if name not in _FREE and mine[name] != theirs[name]:
            raise ConfigError(
                f"{both} are not parts of the same evaluation: {name} is {mine[name]!r}"
                f" and {theirs[name]!r}"
            )
    if one.part.data_fingerprint != other.part.data_fingerprint:
        raise ConfigError(f"{both} were scored on different data: it was changed between them")
    if one.part.maker != other.part.maker:
        raise ConfigError(f"{both} were made with different weights, artefacts or crops")


def _check_same_as_here(stored: _Stored, job: EvalJob) -> None:
    """Raise a DataError if data or weights differ from those that the parts were made with."""
    if stored.part.data_fingerprint != job.data_fingerprint:
        raise DataError(
            f"the data differs from what {stored.folder} was scored on; merge where it is"
            " the same, or run the shards again"
        )
    if stored.part.maker != fingerprint(job.maker):
        raise DataError(
            f"weights, artefact or crops differ from those of {stored.folder}; merge where"
            " they are the same, or run the shards again"
        )


def _chunks(parts: Sequence[_Stored], job: EvalJob) -> StoredChunks:
    """Return every chunk; a DataError names one that is missing."""
    chunks = StoredChunks(job.pieces)
    for each in parts:
        store = job.store(each.folder, cached=False)
        for index in each.part.shard.chunks(len(job.pieces)):
            if store.finished(index, job.pieces[index]) is None:
                raise DataError(
                    f"{store.path(index)} is missing, damaged, or was made from files that"
                    f" have changed since; run shard {each.part.shard} again, then merge"
                )
            chunks.add(index, store)
    return chunks


def _link(source: Path, job: EvalJob) -> None:
    """Link a part's chunk into the run folder, without a second copy if the disk supports that."""
    target = job.folder / source.parent.name / source.name
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
