"""Which fitted artefact a detector runs with: given, registered, or fitted on the spot and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from registry.cache import cache_dir
from registry.config import EvalConfig, FitConfig, ScoringConfig
from registry.data import fingerprint
from registry.errors import DataError, NotFittedError, guarded
from registry.fitting import ARTEFACT_FILE, fit
from registry.inference import Embedder
from registry.plugins import Plugins
from registry.real_faces import find_splits
from registry.resolving import resolve_options
from registry.specs import ArtefactSpec, DetectorSpec

__all__ = ["artefact_file", "find_artefact"]


def find_artefact(
    plugins: Plugins, config: EvalConfig | ScoringConfig, spec: DetectorSpec, embedder: Embedder
) -> Path | None:
    """`--artefact`, else the one registered for these weights, else what `--fit-on` fits.

    None for a detector that needs none and was given none; a NotFittedError with the line to run
    where one is needed.
    """
    if config.artefact is not None:
        return artefact_file(Path(config.artefact))
    if isinstance(config, EvalConfig) and config.fit_on:
        return _fit_and_keep(plugins, config, spec, embedder)
    weights = embedder.backbone.weights_sha256
    for candidate in plugins.specs("artefact").values():
        if isinstance(candidate, ArtefactSpec) and (
            (candidate.detector, candidate.weights_sha256) == (spec.name, weights)
        ):
            name = f"artefact {candidate.name!r}"
            return artefact_file(guarded(name, candidate.source, candidate.path))
    if spec.needs_artefact:
        raise NotFittedError(_how_to_fit(config, spec, weights))
    return None


def _how_to_fit(config: EvalConfig | ScoringConfig, spec: DetectorSpec, weights_sha256: str) -> str:
    backbone = config.backbone or ""
    weights = "" if config.weights is None else f" --weights {config.weights}"
    out = f"runs/{spec.name}_{backbone.replace('/', '_')}"
    return (
        f"detector {spec.name!r} has no fitted artefact for backbone {backbone!r} with weights"
        f" {weights_sha256[:12]}. Fit one on real faces (DIR: a manifest or folder with train and"
        f" val faces; `toy` tries it out):\n"
        f"  bench fit --detector {spec.name} --backbone {backbone}{weights} --train DIR"
        f" --out {out}\n"
        f"then pass --artefact {out}, or let eval fit one and keep it with --fit-on DIR"
    )


def artefact_file(path: Path) -> Path:
    """The artefact at `path`, which is the file or its folder; DataError where there is none."""
    file = path / ARTEFACT_FILE if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"no artefact at {file}; pass the folder that `bench fit --out` wrote, or the"
            f" {ARTEFACT_FILE} in it"
        )
    return file


def _fit_and_keep(
    plugins: Plugins, config: EvalConfig, spec: DetectorSpec, embedder: Embedder
) -> Path:
    """Fit on `fit_on` unless done before with the same weights, data, options and seed."""
    fit_config = FitConfig(
        detector=config.detector,
        backbone=config.backbone,
        weights=config.weights,
        train=config.fit_on,
        landmarks=config.landmarks,
        landmarker=config.landmarker,
        face_detector=config.face_detector,
        crop_from=config.crop_from,
        seed=config.seed,
        batch_size=config.batch_size,
        workers=config.workers,
        threads=config.threads,
        device=config.device,
        precision=config.precision,
        max_errors=config.max_errors,
        overwrite=True,
        tensorboard=False,
        quiet=config.quiet,
    )
    kept = cache_dir() / "artefacts" / _fit_key(plugins, fit_config, spec, embedder)
    if not (kept / ARTEFACT_FILE).is_file():
        partial = kept.with_name(f"{kept.name}.{os.getpid()}.partial")
        fit(fit_config, out=str(partial))
        shutil.rmtree(kept, ignore_errors=True)
        partial.replace(kept)
    return kept / ARTEFACT_FILE


def _fit_key(plugins: Plugins, config: FitConfig, spec: DetectorSpec, embedder: Embedder) -> str:
    """sha256 of all that decides what a fit gives."""
    options = resolve_options(
        None if spec.fit_options is None else spec.fit_options.load(), config.options
    )
    train, val = find_splits(config, plugins)
    parts = [
        spec.name,
        spec.source,
        embedder.encoder,
        None if options is None else asdict(options),
        fingerprint([*train, *val]),
        [config.seed, config.crop_from, config.face_detector, config.landmarker, config.landmarks],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
