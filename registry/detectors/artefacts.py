"""Which fitted artefact a detector runs with: given, or registered."""

from __future__ import annotations

from pathlib import Path

from registry.contracts.embedder import Embedder
from registry.errors import DataError, NotFittedError, guarded
from registry.plugins.discovery import Plugins
from registry.plugins.specs import ArtefactSpec, DetectorSpec
from registry.settings.tasks import EvalConfig, ScoringConfig

__all__ = ["ARTEFACT_FILE", "artefact_file", "find_artefact"]

ARTEFACT_FILE = "artefact.safetensors"


def find_artefact(
    plugins: Plugins, config: EvalConfig | ScoringConfig, spec: DetectorSpec, embedder: Embedder
) -> Path | None:
    """`--artefact`, else the one registered for these weights.

    None for a detector that needs none and was given none; a NotFittedError with the line to run
    where one is needed.
    """
    if config.artefact is not None:
        return artefact_file(Path(config.artefact))
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
