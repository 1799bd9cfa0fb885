"""`evaluate`: a detector, a backbone and data in; scores, metrics and a complete run folder out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from registry.contracts.traits import traits_of
from registry.contracts.types import FRAME, FRAME_CUBIC, Video, VideoIndex
from registry.data.needs import check_run
from registry.detectors.model import audit_of, build_model
from registry.errors import ConfigError, guarded
from registry.faces.corruptions import the_condition
from registry.faces.reader import FaceReader, build_reader
from registry.files import file_sha256, writable_folder
from registry.owner import owned
from registry.plugins.chosen import Chosen, choose
from registry.plugins.discovery import Plugins, load_plugins
from registry.ranks import first_goes_first, this_rank, wait_for_all
from registry.results.method_groups import MethodGroup, read_groups
from registry.results.metric import CROSS_AUC
from registry.results.parts import PART, Shard
from registry.results.predictions import PREDICTIONS, Settings, write_predictions
from registry.results.profiles import BOTH, STRICT
from registry.results.provenance import BackboneRecord, Provenance
from registry.results.remarks import domains_of, remarks
from registry.results.result import Result
from registry.scoring.chunks import Chunk
from registry.scoring.conformal import with_conformal
from registry.scoring.frames import choose_units, find_data
from registry.scoring.limited import limited
from registry.scoring.rows import rows_of
from registry.settings.load import load_yaml
from registry.settings.tasks import EvalConfig
from registry.tasks.chunked import EvalJob, score
from registry.tasks.fit_on import fit_first
from registry.tasks.run_folder import refuse_other_part, refuse_other_run

__all__ = [
    "evaluate",
    "find_job",
    "measure_job",
    "opened",
    "prepare_job",
    "run_folder",
    "timed_score",
]

_WHOLE = Shard()


def evaluate(config: EvalConfig | None = None, /, **settings: Any) -> Result:
    """Score every face of `dataset` with `detector` on `backbone` and measure it.

    Takes an EvalConfig, its fields as keywords (the flags of `bench eval`), or both. Leaves
    results.json, predictions.parquet, config.yaml and the reports in `out`. Finished work of an
    interrupted run there is reused. Raises a BenchError that says what to change.

    Processes of one torchrun share the scoring; the first one measures and writes, and all
    return the same result.
    """
    config = replace(config or EvalConfig(), **settings)
    first = this_rank().first
    job = prepare_job(config)
    with opened(job):
        chunks = timed_score(job)
        result = measure_job(job, chunks) if first else None
    wait_for_all()
    return Result.load(job.folder) if result is None else result


def timed_score(job: EvalJob) -> Mapping[int, Chunk]:
    """Run `score`, and record the seconds that it takes."""
    started = time.perf_counter()
    chunks = score(job)
    job.seconds["score"] = time.perf_counter() - started
    return chunks


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the names in a configuration stand for, before any weights are read."""

    config: EvalConfig
    plugins: Plugins
    chosen: Chosen
    data: list[VideoIndex]
    videos: list[Video]
    groups: tuple[MethodGroup, ...]
    reader: FaceReader


def find_job(config: EvalConfig) -> Found:
    """Look up names and data; BenchErrors describe what is wrong or missing."""
    if not config.metrics:
        raise ConfigError("no metrics to compute; name one (`bench list metrics`)")
    quiet = config.quiet or not this_rank().first
    config = replace(config, metrics=_metrics(config.metrics), quiet=quiet)
    if config.profile != STRICT and config.crop_from == FRAME:
        config = replace(config, crop_from=FRAME_CUBIC)  # as that benchmark resizes
    plugins = load_plugins()
    chosen = choose(plugins, config, metrics=config.metrics, reporters=config.reporters)
    condition = the_condition(config.corrupt)
    check_run(chosen, config, plugins)  # data may be long in being found, or drawn first
    with first_goes_first():
        data = limited(find_data(config, plugins), config.limit, config.seed)
    videos = [video for index in data for video in index.videos]
    groups = read_groups(config.group, {video.method for video in videos if video.label} - {""})
    every_face = config.faces == "all"
    reader = build_reader(chosen.faces, config, condition, config.seed, every_face=every_face)
    if chosen.backbone is None:
        config = replace(config, backbone=None, weights=None, wrap=None)  # none of it was used
    return Found(
        config=config,
        plugins=plugins,
        chosen=chosen,
        data=data,
        videos=videos,
        groups=groups,
        reader=reader,
    )


def _metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return each once; cross_auc brings auc: a data set's fakes against its own reals."""
    return tuple(dict.fromkeys((*names, *(("auc",) if CROSS_AUC in names else ()))))


def prepare_job(config: EvalConfig, shard: Shard = _WHOLE) -> EvalJob:
    """Find the data and build the model; nothing is written into the run folder yet."""
    started = time.perf_counter()
    found = find_job(config)
    model = build_model(
        found.chosen, found.config, fit_first(found.plugins, found.chosen, found.config)
    )
    units = choose_units(found.config, found.videos)
    folder = run_folder(found.config, shard)
    return EvalJob(
        config=replace(found.config, out=str(folder)),
        chosen=found.chosen,
        model=model,
        data=found.data,
        videos=found.videos,
        units=units,
        folder=folder,
        reader=found.reader,
        groups=found.groups,
        shard=shard,
        seconds={"prepare": time.perf_counter() - started},
    )


def run_folder(config: EvalConfig, shard: Shard = _WHOLE) -> Path:
    """Choose where a run goes; a ConfigError if another run or part is there already."""
    names = [config.detector, config.wrap or "", config.backbone or ""]
    names += [*config.data_names, config.split]
    names += [] if config.limit is None else [f"limit-{config.limit}"]
    names += [each.replace(":", "-") for each in config.corrupt]
    names += [] if shard == _WHOLE else [f"shard-{shard.number}-of-{shard.count}"]
    folder = Path(config.out or "runs/" + "_".join(n.replace("/", "_") for n in names if n))
    refuse_other_part(folder, shard, overwrite=config.overwrite)
    if not config.overwrite:
        refuse_other_run(folder, _run_there(folder), asdict(config))
    return folder


@contextmanager
def opened(job: EvalJob) -> Iterator[None]:
    """Open the job's run folder, owned until the block ends; cleared of another run if requested.

    Called after all other checks, so that a refused run leaves no empty folder.
    """
    rank = this_rank()
    if not rank.first:
        wait_for_all()
        yield
        return
    with owned(writable_folder(job.folder)):
        run_folder(job.config, job.shard)  # again: another may have run here in the meantime
        if job.config.overwrite and not rank.restarts:  # then these chunks are its own
            job.store(job.folder, cached=False).clear()
        wait_for_all()
        yield


def _run_there(folder: Path) -> dict[str, Any]:
    """Read the configuration of the run in a folder; empty if there is none."""
    try:
        return load_yaml("", str(folder / "config.yaml"))
    except ConfigError:
        return {}


# --- measuring -------------------------------------------------------------------------------


def _settings(job: EvalJob) -> Settings:
    return replace(
        job.model.settings,
        metrics=job.config.metrics,
        draws=job.config.draws,
        seed=job.config.seed,
        profile=STRICT if job.config.profile == BOTH else job.config.profile,
        groups=job.groups,
    )


def measure_job(job: EvalJob, chunks: Mapping[int, Chunk]) -> Result:
    """Write predictions, numbers and reports from all chunks, given in the order of their
    indices.
    """
    (job.folder / PART).unlink(missing_ok=True)  # it is whole now
    pieces = ((job.pieces[index], chunk) for index, chunk in chunks.items())  # one at a time
    table = rows_of(pieces, job.model.detector, job.model.spec)
    settings = _settings(job)
    table = with_conformal(table, settings, job.model.detector)
    write_predictions(job.folder / PREDICTIONS, table, settings)
    started = time.perf_counter()
    backbone = None if job.model.embedder is None else job.model.embedder.backbone
    domains = domains_of(job.data, backbone, job.model.detector)
    notes = remarks(
        job.data, domains, backbone, job.model.detector, job.config.checkpoint_selection
    )
    has_parts = any(name.startswith("p_") for name in table.column_names)
    origin = _provenance(job, domains, has_parts=has_parts)
    result = Result.of(table, settings, job.chosen.metrics, origin, notes)
    job.seconds["measure"] = time.perf_counter() - started
    result = replace(result, provenance=replace(result.provenance, timing=dict(job.seconds)))
    result.save(job.folder)
    for reporter in job.chosen.reporters:
        what = f"reporter {reporter.name!r}"
        guarded(what, reporter.source, reporter.write, result, job.folder)
    return result


def _provenance(job: EvalJob, domains: dict[str, str], *, has_parts: bool) -> Provenance:
    return Provenance.here_and_now(
        packages=sorted(job.chosen.sources),
        config=job.config,
        backbone=None
        if job.model.embedder is None
        else BackboneRecord.of(job.model.embedder.backbone),
        crop=job.model.crop,
        artefact="" if job.model.artefact is None else str(job.model.artefact),
        artefact_sha256=job.model.artefact_sha256,
        fitted=traits_of(job.model.detector).fitted,
        data_fingerprint=job.data_fingerprint,
        resolved=_resolved(job),
        domains=domains,
        frames_scored=job.counts["frames"],
        checkpoint_selection=job.config.checkpoint_selection,
        audit=audit_of(job.model, job.config).to_json() if has_parts else {},
        predictions_sha256=file_sha256(job.folder / PREDICTIONS),
        plugins=job.chosen.packages,
    )


def _resolved(job: EvalJob) -> dict[str, dict[str, tuple[int, int]]]:
    """Count listed files that exist and all that are listed, by data set and label."""
    return {
        index.videos[0].dataset: {each.label: (each.found, each.listed) for each in index.resolved}
        for index in job.data
        if index.resolved
    }
