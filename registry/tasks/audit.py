"""What the host gives a plugin that examines a detector: the detector, faces, an explainer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry.console import tell
from registry.contracts.detector import Detector, Explain
from registry.contracts.embedder import Embedder
from registry.contracts.types import CropPolicy, Frame, Video
from registry.data.index import data_fingerprint
from registry.detectors.model import build_explainer, build_model
from registry.faces.corruptions import the_condition
from registry.faces.reader import FaceReader, build_reader
from registry.plugins.chosen import choose
from registry.plugins.discovery import load_plugins
from registry.ranks import first_goes_first, this_rank
from registry.scoring.frames import choose_units, find_data
from registry.settings.tasks import AuditSettings
from registry.tasks.fit_on import fit_first

__all__ = ["AuditInputs", "prepare_audit"]


@dataclass(frozen=True, kw_only=True)
class AuditInputs:
    """The detector to examine, the frames to examine it on, and how to find faces in them.

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


def prepare_audit(config: AuditSettings) -> AuditInputs:
    """Build the detector and the explainer and find the data that a configuration names.

    BenchErrors say what is wrong.
    """
    plugins = load_plugins()
    if config.explainer is not None:
        plugins.get("explainer", config.explainer)  # a wrong name fails before weights are read
    chosen = choose(plugins, config)
    with first_goes_first():
        data = find_data(config, plugins)
    for note in dict.fromkeys(note for index in data for note in index.notes):
        if this_rank().first:
            tell(f"note: {note}")
    videos = [video for index in data for video in index.videos]
    reader = build_reader(chosen.faces, config, the_condition(config.corrupt), config.seed)
    model = build_model(chosen, config, fit_first(plugins, chosen, config))
    embedder = model.embedder
    return AuditInputs(
        detector=model.detector,
        explain=None
        if config.explainer is None
        else build_explainer(
            plugins.get("explainer", config.explainer), model.detector, config.explain
        ),
        embedder=embedder,
        crop=model.crop,
        reader=reader,
        frames=tuple((unit.video, unit.frame) for unit in choose_units(config, videos)),
        data_fingerprint=data_fingerprint(videos),
        weights_sha256="" if embedder is None else embedder.backbone.weights_sha256,
        artefact_sha256=model.artefact_sha256,
        artefact=model.artefact,
    )
