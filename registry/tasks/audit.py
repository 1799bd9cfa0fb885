"""What a plugin that examines a detector gets of the host: the detector, faces, an explainer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from registry.console import tell
from registry.contracts.detector import Detector, Explain
from registry.contracts.embedder import Embedder
from registry.contracts.types import CropPolicy, Frame, Video
from registry.data.index import fingerprint
from registry.detectors.model import build_explainer, build_model
from registry.faces.corruptions import the_condition
from registry.faces.reader import FaceReader, build_reader
from registry.plugins.discovery import load_plugins
from registry.scoring.frames import choose_units, find_data
from registry.settings.tasks import EvalConfig
from registry.tasks.fit_on import fit_first

__all__ = ["AuditInputs", "prepare_audit"]


@dataclass(frozen=True, kw_only=True)
class AuditInputs:
    """What is examined, the frames that it is examined on, and how faces in them are found.

    `explain` is None where no explainer was asked for, `embedder` where the detector has none.
    """

    detector: Detector
    explain: Explain | None
    embedder: Embedder | None
    crop: CropPolicy
    reader: FaceReader
    frames: tuple[tuple[Video, Frame], ...]
    data_fingerprint: str
    weights_sha256: str
    artefact_sha256: str
    artefact: Path | None = None


def prepare_audit(settings: Any) -> AuditInputs:
    """The detector, the explainer and the data that a configuration names.

    `settings` is a dataclass; its fields mean what they mean in `bench eval` (others are left
    alone), `explainer` is the name of one, or None, and `explain` its options where there is such a
    field. BenchErrors say what is wrong.
    """
    plugins = load_plugins()
    config = _as_eval(settings)
    explainer = getattr(settings, "explainer", None)
    if explainer is not None:
        plugins.get("explainer", explainer)  # a wrong name is told before weights are read
    data = find_data(config, plugins)
    for note in dict.fromkeys(note for index in data for note in index.notes):
        tell(f"note: {note}")
    videos = [video for index in data for video in index.videos]
    reader = build_reader(plugins, config, the_condition(config.corrupt), config.seed)
    model = build_model(plugins, config, fit_first(plugins, config))
    embedder = model.embedder
    return AuditInputs(
        detector=model.detector,
        explain=None
        if explainer is None
        else build_explainer(
            plugins.get("explainer", explainer), model.detector, getattr(settings, "explain", {})
        ),
        embedder=embedder,
        crop=model.crop,
        reader=reader,
        frames=tuple((unit.video, unit.frame) for unit in choose_units(config, videos)),
        data_fingerprint=fingerprint(videos),
        weights_sha256="" if embedder is None else embedder.backbone.weights_sha256,
        artefact_sha256=model.artefact_sha256,
        artefact=model.artefact,
    )


def _as_eval(settings: Any) -> EvalConfig:
    known = {each.name for each in fields(EvalConfig)}
    shared = {each.name for each in fields(settings)} & known
    return EvalConfig(**{name: getattr(settings, name) for name in shared})
