"""Check what a command line names before torch is loaded: names, files, and faces to compare
with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry.contracts.types import Sample
from registry.data.needs import check_run
from registry.errors import ConfigError, DataError, NotFittedError
from registry.plugins.chosen import choose, choose_faces, default_detectors
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import DetectorSpec, ExplainerSpec
from registry.settings.load import resolve_options
from registry.settings.shared import ModelSettings
from registry.settings.tasks import (
    AUTO,
    AuditSettings,
    EvalConfig,
    ScoredDataSettings,
    ScoringConfig,
)

__all__ = ["check_parts", "check_ready"]


def check_ready(config: ModelSettings) -> Sequence[Sample] | None:
    """Raise a BenchError for what `config` names wrongly, and one that lists all that is missing.

    Checked are names of all kinds, an explainer's options, weights, artefacts, data sets and their
    splits, and the real faces of `reference`, which are returned for a Predictor if they could be
    listed. Nothing is read, drawn or downloaded, and no torch is loaded.
    """
    plugins = load_plugins()
    _check_faces(plugins, config)
    explainer: str | None = getattr(config, "explainer", None)
    _check_explainer(plugins, explainer, getattr(config, "explain", {}))
    if isinstance(config, ScoredDataSettings):
        _check_corruptions(config)
        _check_splits(plugins, config)
    if isinstance(config, AuditSettings) and config.reads_parts:
        check_parts(plugins, config.detector, explainer)
    if isinstance(config, ScoringConfig):
        if explainer is not None:
            check_parts(plugins, config.detector, explainer)
        return _check_scoring(plugins, config)
    named = config if isinstance(config, EvalConfig) else None
    chosen = choose(
        plugins,
        config,
        metrics=() if named is None else named.metrics,
        reporters=() if named is None else named.reporters,
    )
    check_run(chosen, config, plugins)
    return None


def _check_faces(plugins: Plugins, config: ModelSettings) -> None:
    """Raise a ConfigError for a predictor file or a size that no reader of faces takes."""
    if config.landmarks is not None or config.detection_size is not None:
        from registry.faces.reader import build_reader  # loads numpy and OpenCV: where it is asked

        build_reader(choose_faces(plugins, config), config)


def _check_corruptions(config: ScoredDataSettings) -> None:
    if config.corrupt:
        from registry.faces.corruptions import conditions

        conditions(config.corrupt)


def _check_explainer(plugins: Plugins, name: str | None, options: Mapping[str, Any]) -> None:
    if name is not None:
        spec: ExplainerSpec = plugins.get("explainer", name)
        resolve_options(spec.options, options, "explain.")


def check_parts(plugins: Plugins, detector: str, name: str | None) -> None:
    """Raise a ConfigError for a detector known to score no parts, where the explainer `name` has
    them from the detector, or there is none.
    """
    known: dict[str, DetectorSpec] = plugins.unambiguous("detector")
    spec = known.get(detector)
    if spec is None or spec.scores_parts is not False:
        return
    says = "scores no parts of a face, which are what is audited"
    if name is not None:
        explainer: ExplainerSpec = plugins.get("explainer", name)
        if not explainer.detector_parts:
            return
        says = f"scores no parts of a face, and explainer {name!r} then says nothing of them either"
    able = ", ".join(name for name, each in known.items() if each.scores_parts)
    raise ConfigError(
        f"detector {detector!r} {says}; choose one that does (--detector"
        f" {able or 'of a plugin'}), or {'another' if name else 'an'} explainer of its score with"
        " --explainer (`bench list explainers`)"
    )


def _check_splits(plugins: Plugins, config: ScoredDataSettings) -> None:
    """Raise an EmptySplitError for a split that a registered data set never has."""
    for name in config.dataset:
        if name in plugins.specs("dataset"):
            from registry.data.index import resolve_data

            resolve_data(name, config.split, plugins)


def _check_scoring(plugins: Plugins, config: ScoringConfig) -> Sequence[Sample] | None:
    """Check the detector, or those that may be chosen (one that is fitted is enough), and list
    the real faces of `reference`.
    """
    auto = config.detector == AUTO
    names = [each.name for each in default_detectors(plugins)] if auto else [config.detector]
    unfitted: list[NotFittedError] = []
    for name in names:
        named = replace(config, detector=name)
        try:
            check_run(choose(plugins, named), named, plugins)
            break
        except NotFittedError as error:
            unfitted.append(error)
    else:
        raise unfitted[0]
    return None if config.reference == AUTO else _listed_reference(plugins, config.reference)


def _listed_reference(plugins: Plugins, data: str) -> Sequence[Sample] | None:
    """List real faces to compare with; a BenchError if there are too few.

    None for what is drawn, or may have to be downloaded: it is not listed here.
    """
    from registry.data.index import resolve_data
    from registry.faces.real_faces import real_face_samples
    from registry.results.conformal import FEWEST_REALS

    spec, request = resolve_data(data, "train", plugins)
    registered = data in plugins.specs("dataset")
    if request.root is None and not (registered and spec.needs):
        return None
    found = real_face_samples(data)
    if len(found) < FEWEST_REALS:
        raise DataError(
            f"--reference {data}: {len(found)} real faces in its splits val and train; a verdict"
            f" needs at least {FEWEST_REALS} to compare with, so name other data"
        )
    return found
