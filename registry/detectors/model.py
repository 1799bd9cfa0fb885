"""What scores faces: a detector with its backbone, artefact and crops, built from their names."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from registry.backbones.build import build_embedder
from registry.contracts.detector import Detector, DetectorContext, Explain
from registry.contracts.embedder import Embedder
from registry.contracts.traits import traits_of
from registry.contracts.types import WHOLE, CropPolicy, whole_frame
from registry.detectors.artefacts import find_artefact
from registry.errors import PluginError, guarded
from registry.files import file_sha256
from registry.plugins.chosen import Chosen
from registry.plugins.needs import check_needs
from registry.plugins.specs import CommandSpec, DetectorSpec, ExplainerSpec
from registry.results.audit_summary import AuditSummary, PartAudit, find_audit
from registry.results.predictions import Settings
from registry.scoring.parallel import BatchStreams, streams_for
from registry.settings.load import resolve_options
from registry.settings.shared import DetectorSettings
from registry.settings.tasks import ScoredDataSettings

__all__ = [
    "Fitted",
    "Load",
    "Model",
    "audit_of",
    "build_context",
    "build_detector",
    "build_explainer",
    "build_model",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A loaded backbone, and what was fitted for it."""

    embedder: Embedder
    artefact: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A detector, and what it was built from; `crop` is how faces are cut for it.

    `audits` are the commands that audit detectors.
    """

    spec: DetectorSpec
    detector: Detector
    embedder: Embedder | None
    artefact: Path | None
    crop: CropPolicy
    audits: tuple[CommandSpec, ...] = ()

    @property
    def artefact_sha256(self) -> str:
        """Return the sha256 of the file; "" without one."""
        return "" if self.artefact is None else file_sha256(self.artefact)

    @property
    def streams(self) -> BatchStreams:
        """Return how many batches to score at once."""
        return streams_for(self.detector, self.embedder)

    @property
    def settings(self) -> Settings:
        """Return how this detector's face scores become scores of frames and of videos."""
        votes = frozenset(traits_of(self.detector).vote_variants)
        return Settings(detector=self.spec.name, metrics=(), vote_variants=votes)


Load: TypeAlias = Callable[[Chosen, DetectorSettings], Embedder]


def build_context(
    chosen: Chosen,
    config: DetectorSettings,
    fitted: Fitted | None = None,
    load: Load = build_embedder,
) -> DetectorContext:
    """Collect what the chosen detector is built from; `fitted` if it was fitted just now."""
    spec = chosen.detector
    embedder, artefact = _parts(chosen, config, fitted, load)
    options = resolve_options(spec.options, config.options)
    return DetectorContext(embedder=embedder, options=options, artefact=artefact, seed=config.seed)


def _parts(
    chosen: Chosen, config: DetectorSettings, fitted: Fitted | None, load: Load
) -> tuple[Embedder | None, Path | None]:
    """Load the backbone on its device, and find its artefact; None for what the detector does
    not need.
    """
    if fitted is not None:
        return fitted.embedder, fitted.artefact
    if chosen.backbone is None:
        return None, None
    embedder = load(chosen, config)
    return embedder, find_artefact(chosen, config, embedder)


def build_model(
    chosen: Chosen,
    config: DetectorSettings,
    fitted: Fitted | None = None,
    load: Load = build_embedder,
) -> Model:
    """Build the chosen detector, ready to score; `fitted` if it was fitted just now.

    `load` gives the backbone, for callers that build several detectors on one.
    """
    if fitted is None:
        check_needs(chosen, config)
    context = build_context(chosen, config, fitted, load)
    embedder = context.embedder
    crop = CropPolicy() if embedder is None else embedder.backbone.crop
    return Model(
        spec=chosen.detector,
        detector=build_detector(chosen.detector, context),
        embedder=embedder,
        artefact=context.artefact,
        audits=chosen.audits,
        crop=whole_frame(crop, config.crop_from) if config.crop_from in WHOLE else crop,
    )


def audit_of(model: Model, config: DetectorSettings) -> PartAudit:
    """Return what is known of how well the detector's part scores localise."""
    return find_audit(
        model.artefact,
        detector=model.spec.name,
        weights_sha256="" if model.embedder is None else model.embedder.backbone.weights_sha256,
        artefact_sha256=model.artefact_sha256,
        command=_audit_line(model, config),
        readers=_audit_readers(model),
    )


def _audit_readers(model: Model) -> Iterator[type[AuditSummary]]:
    for command in model.audits:
        if command.audit is not None:
            yield guarded(f"command {command.name!r}", command.source, command.audit.load)


def _audit_line(model: Model, config: DetectorSettings) -> str:
    """Return the command that audits this detector, and keeps the audit if it has an artefact."""
    if not model.audits:
        return ""
    line = ["bench", model.audits[0].name, "--detector", model.spec.name]
    if model.embedder is not None:
        line += config.backbone_flags
    fitted_here = isinstance(config, ScoredDataSettings) and bool(config.fit_on)
    if model.artefact is not None and (fitted_here or config.detector_artefact is not None):
        line += ["--artefact", str(model.artefact)]
    keep = [] if model.artefact is None else ["--keep"]
    return shlex.join([*line, "--dataset", "DATA", *keep])


def build_detector(spec: DetectorSpec, context: DetectorContext) -> Detector:
    """Build the detector itself; one that breaks the contract is a PluginError."""
    detector = guarded(f"detector {spec.name!r}", spec.source, spec.build, context)
    if not isinstance(detector, Detector):
        raise PluginError(
            f"detector {spec.name!r} of package {spec.source!r} built a"
            f" {type(detector).__name__}, which has no score(crops)"
        )
    return detector


def build_explainer(spec: ExplainerSpec, detector: Detector, options: Mapping[str, Any]) -> Explain:
    """Build the explainer of a detector's scores; a ConfigError if it cannot explain the
    detector.
    """
    resolved = resolve_options(spec.options, options, "explain.")
    arguments = (detector,) if resolved is None else (detector, resolved)
    explain: Explain = guarded(f"explainer {spec.name!r}", spec.source, spec.build, *arguments)
    return explain
