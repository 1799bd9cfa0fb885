"""`--fit-on`: decide whether a detector is fitted before it is built, and keep such artefacts."""

from __future__ import annotations

import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

from registry.backbones.build import build_embedder
from registry.contracts.embedder import Embedder
from registry.data.index import data_fingerprint
from registry.detectors.model import Fitted
from registry.faces.real_faces import find_splits
from registry.files import cache_or_scratch
from registry.fingerprints import fingerprint
from registry.leftovers import sweep, unfinished_name
from registry.plugins.chosen import Chosen
from registry.plugins.discovery import Plugins
from registry.plugins.specs import DetectorSpec
from registry.ranks import first_goes_first, of_first, this_rank, wait_for_all
from registry.results.fit_report import artefact_in
from registry.results.provenance import package_versions
from registry.settings.tasks import FitConfig, ScoredDataSettings
from registry.tasks.fit import fit_here, options_of

__all__ = ["fit_config", "fit_first", "fits_first"]

_OF_ITS_OWN = {"options"}  # a field of both that means another thing in each: options of scoring


def fit_first(plugins: Plugins, chosen: Chosen, config: ScoredDataSettings) -> Fitted | None:
    """Return the backbone and what was fitted on `--fit-on`, now or before; None if nothing is.

    Nothing is fitted where an artefact is given, nor a detector that needs no backbone.
    """
    if not fits_first(chosen, config):
        return None
    embedder = build_embedder(chosen, config)
    return Fitted(
        embedder=embedder, artefact=_fit_and_keep(plugins, config, chosen.detector, embedder)
    )


def fits_first(chosen: Chosen, config: ScoredDataSettings) -> bool:
    """Say whether the detector is fitted on `--fit-on` before it scores, or was before."""
    asked = bool(config.fit_on) and config.detector_artefact is None
    return asked and chosen.backbone is not None


def _fit_and_keep(
    plugins: Plugins, config: ScoredDataSettings, spec: DetectorSpec, embedder: Embedder
) -> Path:
    """Fit on `fit_on` unless done before with the same weights, data, options and seed.

    With several ranks the first does so, or all together if the detector shares the work.
    """
    wanted = fit_config(config)
    with first_goes_first():
        key = _fit_key(plugins, wanted, spec, embedder)
    folder = cache_or_scratch() / "artefacts" / key
    # Whether there is one is decided once: another run may be about to put one there.
    folder, name, there = of_first(
        (folder, unfinished_name(folder.name), artefact_in(folder).is_file())
    )
    if not there and (spec.fit_shares or this_rank().first):
        quiet = wanted.quiet or not this_rank().first
        partial = folder.with_name(name)
        _fit_into(folder, plugins, replace(wanted, out=str(partial), quiet=quiet), spec)
    wait_for_all()
    return artefact_in(folder)


def _fit_into(folder: Path, plugins: Plugins, config: FitConfig, spec: DetectorSpec) -> None:
    """Fit in a temporary folder, which then takes its place at once."""
    first, partial = this_rank().first, Path(config.out or "")
    if first:
        sweep(folder.parent)
    fit_here(spec, plugins, config)
    if first:
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)


def fit_config(config: ScoredDataSettings) -> FitConfig:
    """Return a fit on `fit_on` that reads, crops and computes as the evaluation does."""
    own = {each.name for each in fields(FitConfig)}
    shared = {each.name for each in fields(ScoredDataSettings)} & own - _OF_ITS_OWN
    values = {name: getattr(config, name) for name in shared}
    if config.wrap is not None:
        values["wrap_artefact"] = config.wrapper_artefact
    return FitConfig(**values, train=config.fit_on, overwrite=True, tensorboard=False)


def _fit_key(plugins: Plugins, config: FitConfig, spec: DetectorSpec, embedder: Embedder) -> str:
    """Hash everything that determines the result of a fit (sha256)."""
    options = options_of(spec, config)
    train, val = find_splits(config, plugins)
    parts = [
        spec.name,
        spec.source,
        package_versions(("lesb-plugin", *filter(None, [spec.source]))),
        embedder.encoder,
        None if options is None else asdict(options),
        data_fingerprint([*train, *val]),
        [config.seed, config.crop_from, config.face_detector, config.landmarker, config.landmarks],
    ]
    return fingerprint(parts)
