"""`evaluate`: a detector, a backbone and data in; scores, metrics and a complete run folder out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from registry.console import progress_bar
from registry.contracts.detector import EmbeddingDetector
from registry.contracts.traits import traits_of
from registry.contracts.types import FRAME, FRAME_CUBIC, Video, VideoIndex
from registry.data.index import data_fingerprint
from registry.detectors.model import Model, audit_of, build_model
from registry.errors import BenchError, ConfigError, guarded
from registry.faces.corruptions import the_condition
from registry.faces.reader import FaceReader, build_reader
from registry.files import CACHE_ADVICE, cache_dir, file_sha256, writable_folder, write_text
from registry.plugins.chosen import Chosen, choose
from registry.plugins.discovery import load_plugins
from registry.plugins.needs import check_needs
from registry.results.method_groups import MethodGroup, read_groups
from registry.results.predictions import PREDICTIONS, Settings, write_predictions
from registry.results.profiles import BOTH, STRICT
from registry.results.provenance import BackboneRecord, Provenance
from registry.results.remarks import domains_of, remarks
from registry.results.result import Result
from registry.scoring.chunks import Chunk, ChunkStore, Unit, cut
from registry.scoring.conformal import with_conformal
from registry.scoring.failures import Failures
from registry.scoring.frames import choose_units, find_data
from registry.scoring.rows import rows_of
from registry.scoring.scorer import Scorer
from registry.scoring.sealed import tell_no_cache
from registry.settings.load import as_yaml, load_yaml
from registry.settings.tasks import EvalConfig
from registry.tasks.fit_on import fit_first
from registry.tasks.run_folder import refuse_other_run

__all__ = ["evaluate", "run_folder"]

_CHUNKS = "chunks"  # finished work in a run's folder


@dataclass(frozen=True, kw_only=True)
class _Job:
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
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def evaluate(config: EvalConfig | None = None, /, **settings: Any) -> Result:
    """Score every face of `dataset` with `detector` on `backbone` and measure it.

    Takes an EvalConfig, its fields as keywords (the flags of `bench eval`), or both. Leaves
    results.json, predictions.parquet, config.yaml and the reports in `out`. What was finished of an
    interrupted run there is taken over. Raises a BenchError that says what to change.
    """
    started = time.perf_counter()
    job = _prepare(replace(config or EvalConfig(), **settings))
    job.seconds["prepare"] = time.perf_counter() - started
    started = time.perf_counter()
    chunks = _score(job)
    job.seconds["score"] = time.perf_counter() - started
    return _measure(job, chunks)


def _prepare(config: EvalConfig) -> _Job:
    if not config.metrics:
        raise ConfigError("no metrics to compute; name one (`bench list metrics`)")
    config = replace(config, metrics=tuple(dict.fromkeys(config.metrics)))
    if config.profile != STRICT and config.crop_from == FRAME:
        config = replace(config, crop_from=FRAME_CUBIC)  # as that benchmark resizes
    plugins = load_plugins()
    chosen = choose(plugins, config, metrics=config.metrics, reporters=config.reporters)
    condition = the_condition(config.corrupt)
    check_needs(chosen, config)  # data may be long in being found, or drawn first
    data = find_data(config, plugins)
    videos = [video for index in data for video in index.videos]
    groups = read_groups(config.group, {video.method for video in videos if video.label} - {""})
    every_face = config.faces == "all"
    reader = build_reader(chosen.faces, config, condition, config.seed, every_face=every_face)
    if chosen.backbone is None:
        config = replace(config, backbone=None, weights=None, wrap=None)  # none of it was used
    model = build_model(chosen, config, fit_first(plugins, chosen, config))
    units = choose_units(config, videos)
    folder = _open_folder(config)  # last: what is wrong with the rest leaves no empty folder
    return _Job(
        config=replace(config, out=str(folder)),
        chosen=chosen,
        model=model,
        data=data,
        videos=videos,
        units=units,
        folder=folder,
        reader=reader,
        groups=groups,
    )


def run_folder(config: EvalConfig) -> Path:
    """Where a run goes; a ConfigError where another run is there already."""
    names = [config.detector, config.wrap or "", config.backbone or ""]
    names += [*map(_stem, config.dataset), config.split]
    names += [each.replace(":", "-") for each in config.corrupt]
    folder = Path(config.out or "runs/" + "_".join(n.replace("/", "_") for n in names if n))
    if not config.overwrite:
        refuse_other_run(folder, _run_there(folder), asdict(config))
    return folder


def _open_folder(config: EvalConfig) -> Path:
    folder = run_folder(config)
    if config.overwrite:
        ChunkStore(folder / _CHUNKS, (), None).clear()
    return writable_folder(folder)


def _run_there(folder: Path) -> dict[str, Any]:
    """The configuration of the run in a folder; empty where there is none that can be read."""
    try:
        return load_yaml("", str(folder / "config.yaml"))
    except ConfigError:
        return {}


def _stem(dataset: str) -> str:
    return Path(dataset).absolute().name.replace(":", "_")


# --- scoring ---------------------------------------------------------------------------------


def _score(job: _Job) -> list[tuple[Sequence[Unit], Chunk]]:
    """All chunks in order: found finished, or computed while the next frames are being read."""
    model = job.model
    store = ChunkStore(job.folder / _CHUNKS, _maker(job), _embedding_cache(job))
    pieces = cut(job.units, job.config.chunk)
    found = [store.find(index, units) for index, units in enumerate(pieces)]
    missing = [index for index, chunk in enumerate(found) if chunk is None]
    write_text(job.folder / "config.yaml", as_yaml(job.config))  # nothing there is of another run
    failures = Failures(len(job.units), job.config.max_errors, job.folder)
    for units, chunk in zip(pieces, found, strict=True):
        if chunk is not None:
            failures.add(units, chunk)
    failures.check()
    job.counts["frames"] = sum(len(pieces[index]) for index in missing)
    scorer = Scorer(model.detector, model.spec.name, model.spec.source, job.reader, model.crop)
    steps = scorer.run(
        [pieces[index] for index in missing], job.config.batch_size, job.config.workers
    )
    with (
        closing(steps),
        progress_bar(
            job.config.detector,
            total=len(job.units),
            done=sum(len(units) for units, chunk in zip(pieces, found, strict=True) if chunk),
            unit="frame",
            quiet=job.config.quiet,
        ) as advance,
    ):
        remaining = iter(missing)
        for step in steps:
            if isinstance(step, int):
                advance(step)
                continue
            index = next(remaining)
            found[index] = step
            store.put(index, pieces[index], step)
            failures.add(pieces[index], step)
            failures.check()
    return [(units, chunk) for units, chunk in zip(pieces, found, strict=True) if chunk]


def _maker(job: _Job) -> list[str]:
    """What decides a chunk's values, apart from its frames."""
    faces = [job.reader.fingerprint, repr(job.model.crop)]
    if isinstance(job.model.detector, EmbeddingDetector):
        return ["embedding", job.model.detector.encoder, *faces]
    encoder = "" if job.model.embedder is None else job.model.embedder.encoder
    return [
        "scores",
        job.model.spec.name,
        job.model.spec.source,
        encoder,
        job.model.artefact_sha256,
        repr(sorted(job.config.options.items())),
        str(job.config.seed),
        *faces,
    ]


def _embedding_cache(job: _Job) -> Path | None:
    if job.config.cache and isinstance(job.model.detector, EmbeddingDetector):
        try:
            return writable_folder(cache_dir() / "embeddings", CACHE_ADVICE)
        except BenchError as error:
            tell_no_cache(Path("embeddings"), error)
    return None


# --- measuring -------------------------------------------------------------------------------


def _settings(job: _Job) -> Settings:
    return replace(
        job.model.settings,
        metrics=job.config.metrics,
        draws=job.config.draws,
        seed=job.config.seed,
        profile=STRICT if job.config.profile == BOTH else job.config.profile,
        groups=job.groups,
    )


def _measure(job: _Job, chunks: Sequence[tuple[Sequence[Unit], Chunk]]) -> Result:
    table = rows_of(chunks, job.model.detector, job.model.spec)
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


def _provenance(job: _Job, domains: dict[str, str], *, has_parts: bool) -> Provenance:
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
        data_fingerprint=data_fingerprint(job.videos),
        resolved=_resolved(job),
        domains=domains,
        frames_scored=job.counts["frames"],
        checkpoint_selection=job.config.checkpoint_selection,
        audit=audit_of(job.model, job.config).to_json() if has_parts else {},
        predictions_sha256=file_sha256(job.folder / PREDICTIONS),
        plugins=job.chosen.packages,
    )


def _resolved(job: _Job) -> dict[str, dict[str, tuple[int, int]]]:
    """Listed files that were there and all that are listed, by data set and label."""
    return {
        index.videos[0].dataset: {each.label: (each.found, each.listed) for each in index.resolved}
        for index in job.data
        if index.resolved
    }
