"""Find the fitted artefact that a detector runs with: given, or registered."""

from __future__ import annotations

from pathlib import Path

from registry.contracts.embedder import Embedder
from registry.errors import NotFittedError, guarded
from registry.plugins.chosen import Chosen
from registry.plugins.needs import how_to_fit
from registry.results.fit_report import artefact_file
from registry.settings.shared import DetectorSettings

__all__ = ["find_artefact"]


def find_artefact(chosen: Chosen, config: DetectorSettings, embedder: Embedder) -> Path | None:
    """Return `--artefact`, else the artefact registered for these weights.

    None for a detector that needs none and was given none; a NotFittedError with the line to run
    where one is needed.
    """
    if config.detector_artefact is not None:
        return artefact_file(Path(config.detector_artefact))
    weights = embedder.backbone.weights_sha256
    for candidate in chosen.artefacts:
        if candidate.weights_sha256 == weights:
            name = f"artefact {candidate.name!r}"
            return artefact_file(guarded(name, candidate.source, candidate.path))
    if chosen.detector.needs_artefact:
        raise NotFittedError(*how_to_fit(config, weights))
    return None
