"""What a detector is built from, found by the names in a configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from registry.artefacts import find_artefact
from registry.building import build_embedder
from registry.config import EvalConfig, resolve_options
from registry.plugins import load_plugins
from registry.types import DetectorContext, DetectorSpec

__all__ = ["detector_context"]


def detector_context(config: EvalConfig | None = None, /, **settings: Any) -> DetectorContext:
    """The backbone with its weights, the artefact and the options of a detector.

    Takes what `evaluate` takes and finds the same; nothing is scored. BenchErrors say what is
    missing.
    """
    config = replace(config or EvalConfig(), **settings)
    plugins = load_plugins()
    spec: DetectorSpec = plugins.get("detector", config.detector)
    embedder = build_embedder(plugins, config) if spec.needs_backbone else None
    artefact = None if embedder is None else find_artefact(plugins, config, spec, embedder)
    options = resolve_options(None if spec.options is None else spec.options.load(), config.options)
    return DetectorContext(embedder=embedder, options=options, artefact=artefact, seed=config.seed)
