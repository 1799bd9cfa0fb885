"""Which fitted artefact a detector runs with: given, or registered."""

from __future__ import annotations

import shlex
from pathlib import Path

from registry.contracts.embedder import Embedder
from registry.errors import NotFittedError, guarded
from registry.plugins.chosen import Chosen
from registry.results.fit_report import artefact_file
from registry.settings.shared import DetectorSettings

__all__ = ["find_artefact"]


def find_artefact(chosen: Chosen, config: DetectorSettings, embedder: Embedder) -> Path | None:
    """`--artefact`, else the one registered for these weights.

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
        raise NotFittedError(*_how_to_fit(config, weights))
    return None


def _how_to_fit(config: DetectorSettings, weights_sha256: str) -> tuple[str, ...]:
    """Lines that say what is missing and how it is made."""
    named = shlex.join(config.backbone_flags)
    out = f"runs/{config.detector}_{(config.backbone or '').replace('/', '_')}"
    missing = (
        f"detector {config.detector!r} has no fitted artefact for backbone"
        f" {config.backbone or ''!r} with weights {weights_sha256[:12]}. Fit one on real faces"
        f" (DIR: a manifest or folder with train and val faces; `toy` tries it out):"
    )
    fit = f"  bench fit --detector {config.detector} {named} --train DIR --out {out}"
    use = (
        f"then pass {_as_artefact(config)}--artefact {out}, or let eval fit one and keep it with"
        " --fit-on DIR"
    )
    return missing, fit, use


def _as_artefact(config: DetectorSettings) -> str:
    """What has to be said first, where `--artefact` alone would be the wrapper's."""
    if config.wrap is None:
        return ""
    return shlex.join(["--wrap-artefact", str(config.wrapper_artefact)]) + " "
