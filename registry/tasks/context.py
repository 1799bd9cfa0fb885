"""Build what a detector needs from the names in a configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from registry.contracts.detector import DetectorContext
from registry.detectors.model import build_context
from registry.plugins.chosen import choose
from registry.plugins.discovery import load_plugins
from registry.settings.tasks import EvalConfig
from registry.tasks.fit_on import fit_first

__all__ = ["detector_context"]


def detector_context(config: EvalConfig | None = None, /, **settings: Any) -> DetectorContext:
    """Build the backbone with its weights, and find the artefact and the options of a detector.

    Takes what `evaluate` takes and finds the same; nothing is scored. BenchErrors say what is
    missing.
    """
    config = replace(config or EvalConfig(), **settings)
    plugins = load_plugins()
    chosen = choose(plugins, config)
    return build_context(chosen, config, fit_first(plugins, chosen, config))
