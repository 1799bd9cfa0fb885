"""Choose the detector that scores files by default: the fitted one that tells most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from registry.backbones.build import build_embedder
from registry.contracts.embedder import Embedder
from registry.contracts.types import WHOLE
from registry.detectors.model import Load, Model, build_model
from registry.errors import DataError, NotFittedError, guarded
from registry.plugins.chosen import Chosen, choose, default_detectors
from registry.plugins.discovery import Plugins
from registry.plugins.specs import DetectorSpec
from registry.results.fit_report import artefact_file
from registry.settings.shared import DetectorSettings
from registry.settings.tasks import AUTO, ScoringConfig

__all__ = ["build_chosen"]

Config = TypeVar("Config", bound=ScoringConfig)


def build_chosen(plugins: Plugins, config: Config) -> tuple[Config, Model, str]:
    """Choose the detector: the configuration with its name, its model, and a note, or "".

    `auto` is the detector that --artefact is of, else the one of highest precedence that is fitted
    for the backbone's weights; the note says where that is not the first. Where none is fitted the
    NotFittedError is that of the first. Frames that are taken whole have no landmarks, and are left
    to detectors that need none. The network is loaded once, however many detectors are tried.
    """
    load = _once(build_embedder)
    if config.detector != AUTO:
        return config, _model(plugins, config, load), ""
    if config.detector_artefact is not None:
        config = replace(config, detector=_fitted_as(plugins, Path(config.detector_artefact)))
        return config, _model(plugins, config, load), ""
    ranked = default_detectors(plugins)
    able = [spec.name for spec in ranked if _is_able(spec, config)]
    first, *others = able or [spec.name for spec in ranked]
    named = replace(config, detector=first)
    try:
        return named, _model(plugins, named, load), _unable(ranked[0], first, config)
    except NotFittedError as error:
        for other in others:
            named = replace(config, detector=other)
            try:
                return named, _model(plugins, named, load), _instead(first, other, config)
            except NotFittedError:
                continue
        raise error from None


def _model(plugins: Plugins, config: ScoringConfig, load: Load) -> Model:
    return build_model(choose(plugins, config), config, load=load)


def _once(load: Load) -> Load:
    """Keep the first result of `load`: the candidates share their backbone and its settings."""
    loaded: list[Embedder] = []

    def first(chosen: Chosen, config: DetectorSettings) -> Embedder:
        if not loaded:
            loaded.append(load(chosen, config))
        return loaded[0]

    return first


def _is_able(spec: DetectorSpec, config: ScoringConfig) -> bool:
    return not (spec.needs_landmarks and config.crop_from in WHOLE)


def _unable(best: DetectorSpec, chosen: str, config: ScoringConfig) -> str:
    if best.name == chosen:
        return ""
    return (
        f"{best.name} needs landmarks, which --crop-from {config.crop_from} does not look"
        f" for, so {chosen} is used"
    )


def _fitted_as(plugins: Plugins, given: Path) -> str:
    """Find the detector that an artefact is for; a DataError if there is none."""
    path = artefact_file(given)
    specs: dict[str, DetectorSpec] = plugins.specs("detector")
    for spec in specs.values():
        if spec.recognises is not None and guarded(
            f"detector {spec.name!r}", spec.source, spec.recognises, path
        ):
            return spec.name
    raise DataError(
        f"no detector recognises the artefact {path}; pass --detector NAME. registered:"
        f" {', '.join(sorted(specs))}"
    )


def _instead(first: str, other: str, config: ScoringConfig) -> str:
    fit = f"bench fit --detector {first} --backbone {config.backbone}"
    return (
        f"{first} is not fitted for backbone {config.backbone!r} with these weights, so"
        f" {other} is used; to fit it: {fit}"
    )
