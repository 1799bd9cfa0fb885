"""`predict`: images and videos in; scores of faces, of frames and of whole files out."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, fields, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.console import progress_bar
from registry.contracts.detector import Detector, Explain
from registry.contracts.embedder import Embedder
from registry.contracts.types import WHOLE, Crop, CropPolicy, Frame, Sample, Video
from registry.data.dataset_hints import dataset_notes, is_dataset
from registry.data.frame_folders import (
    frame_at,
    frame_folder_notes,
    frames_in,
    picture_notes,
)
from registry.data.in_memory import Picture, as_files
from registry.data.inputs import find_media
from registry.data.media import animation_notes, unread_notes
from registry.data.videos import is_video
from registry.detectors.model import audit_of, build_explainer
from registry.errors import ConfigError
from registry.faces.clock import StageClock
from registry.faces.crops import crop_face
from registry.faces.reader import build_reader
from registry.faces.real_faces import cut_real_faces, listed_by, real_face_samples
from registry.plugins.chosen import choose_faces
from registry.plugins.discovery import load_plugins
from registry.plugins.needs import RANDOM
from registry.plugins.specs import ExplainerSpec
from registry.results.audit_summary import PartAudit
from registry.results.file_scores import Prediction, predictions
from registry.results.prediction_list import Predictions
from registry.results.remarks import model_remarks
from registry.results.verdict import NOISE, UNTRAINED, FileVerdict
from registry.scoring.chunks import Unit
from registry.scoring.frames import choose_units
from registry.scoring.rows import rows_of
from registry.scoring.scorer import Scorer
from registry.settings.tasks import PredictConfig, ScoringConfig
from registry.tasks.default_detector import build_chosen
from registry.tasks.file_commands import check_inputs
from registry.tasks.ready import check_parts
from registry.tasks.reference import reference_data, score_reals
from registry.tasks.verdicts import Verdicts

__all__ = ["Predictor", "predict"]


def predict(*inputs: Picture, config: PredictConfig | None = None, **settings: Any) -> Predictions:
    """Score images and videos: a Prediction for each, with a verdict by comparison with real
    faces.

    `inputs` are paths of files and folders, arrays of uint8 (RGB (H, W, 3), or (N, H, W, 3)),
    images of Pillow, and lists of them; those without a path are named `image 1` and so on. Takes a
    PredictConfig, its fields as keywords (the flags of `bench predict`), or both. With `clips`, the
    images of a folder without sub-folders are the frames of one clip, as those of a video file are.
    A file that cannot be scored has an `error`; a DataError is raised if no path exists, and other
    BenchErrors say what else must be changed.
    """
    with as_files(inputs) as files:
        config = replace(config or PredictConfig(), **settings)
        check_inputs(list(files), clips=config.clips)
        found = Predictor(config)(files, clips=config.clips)
        return Predictions(each.named(files.get(each.path)) for each in found)


class Predictor:
    """Scores files; built once for any number of them.

    `reals` are the real faces of `config.reference`, if `check_ready` has listed them.
    """

    def __init__(self, config: ScoringConfig, reals: Sequence[Sample] | None = None) -> None:
        self._plugins = load_plugins()
        faces = choose_faces(self._plugins, config)
        self._reader = build_reader(faces, config, every_face=config.faces == "all")
        self.config: ScoringConfig
        self.config, self._model, self._instead = build_chosen(self._plugins, config)
        self._reals = reals

    @property
    def name(self) -> str:
        """Return the name of the detector."""
        return self._model.spec.name

    @property
    def detector(self) -> Detector:
        return self._model.detector

    @property
    def embedder(self) -> Embedder | None:
        """Return the embedder of the detector's backbone; None if it has none."""
        return self._model.embedder

    @property
    def clock(self) -> StageClock:
        """Return the time spent in each stage of scoring: decode, detect, landmarks, forward."""
        return self._reader.clock

    @property
    def crop(self) -> CropPolicy:
        """Return how faces are cropped for the detector."""
        return self._model.crop

    @property
    def summary(self) -> str:
        """Describe the detector in a line, as its plugin does."""
        return self._model.spec.summary

    @property
    def notes(self) -> list[str]:
        """List what a reader of the scores must know about the weights."""
        embedder, instead = self._model.embedder, [self._instead] * bool(self._instead)
        if embedder is None:
            return instead
        return [*instead, *model_remarks(embedder.backbone, self._model.detector)]

    @property
    def no_verdict(self) -> str:
        """Say why scores mean nothing, so that no file gets a verdict; else return ""."""
        embedder = self._model.embedder
        if embedder is not None and embedder.backbone.weights == RANDOM:
            return UNTRAINED
        return NOISE if self._model.spec.noise else ""

    @cached_property
    def verdicts(self) -> Verdicts:
        """Return the judge of files; real faces are looked up, or scored, on first use."""
        return Verdicts(self, score_reals(self))

    @property
    def verdict_notes(self) -> list[str]:
        """Say what verdicts compare with, and how far part scores are to be trusted; nothing where
        no verdict is given.
        """
        if self.no_verdict:
            return []
        audit = self.verdicts.audit
        return [self.verdicts.reals.sentence, *([] if audit is None else [audit.line])]

    def real_crops(self, count: int) -> list[Crop]:
        """Cut up to `count` faces with landmarks of `reference`, or drawn ones without it."""
        data = reference_data(self.config)
        return cut_real_faces(self._listed(data)[:count], data, self.crop, quiet=self.config.quiet)

    def _listed(self, data: str) -> Sequence[Sample]:
        """List the real faces of a data set; those of `reference` once."""
        if data != reference_data(self.config):
            return real_face_samples(data)
        if self._reals is None:
            self._reals = real_face_samples(data)
        return self._reals

    @cached_property
    def audit(self) -> PartAudit:
        """Return what is known of how well part scores localise."""
        return audit_of(self._model, self.config)

    @property
    def origin(self) -> dict[str, Any]:
        """Return the origin of the scores as plain data."""
        embedder, config = self._model.embedder, self.config
        backbone = None if embedder is None else embedder.backbone
        return {
            "bench": metadata.version("lesb-plugin"),
            "detector": config.detector,
            "options": dict(config.options),
            "backbone": backbone and backbone.name,
            "weights": backbone and backbone.weights,
            "weights_sha256": backbone and backbone.weights_sha256,
            "artefact_sha256": self._model.artefact_sha256 or None,
            "crop": asdict(self._model.crop),
            "crop_from": config.crop_from,
            "face_detector": None if config.crop_from in WHOLE else config.face_detector,
            "scored_faces": config.faces,
            "frames": config.frames,
            "frame_policy": config.frame_policy,
            "precision": config.precision if embedder is None else embedder.precision,
            "backend": embedder and embedder.backend,
            "seed": config.seed,
        }

    def refuse_other(self, record: Mapping[str, Any], where: Path) -> None:
        """Raise a ConfigError for a line of `--json`, or a report's, that is by other settings."""
        own, other = json.loads(json.dumps(self.origin)), record.get("origin") or {}
        differing = [name for name, value in own.items() if other.get(name) != value]
        if differing:
            name = differing[0]
            raise ConfigError(
                f"{where} holds what other settings gave ({name} was {other.get(name)!r}, and is"
                f" {own[name]!r}); --start-at goes on with the same line: give that, or another"
                " --out"
            )

    def notes_on(self, inputs: Sequence[Path], *, clips: bool = False) -> list[str]:
        """List which of `inputs` are not read, or only in part, which may be frames of one clip,
        and which are data sets.
        """
        folders = [path for path in inputs if os.path.isdir(path)]  # noqa: PTH112 - raises nothing
        labelled = dataset_notes(inputs, self._plugins.unambiguous("dataset").values())
        files = find_media([path for path in inputs if not is_dataset(path)], clips=clips)
        frames = picture_notes(files) if clips else frame_folder_notes(files)
        return [*unread_notes(folders), *animation_notes(find_media(inputs)), *frames, *labelled]

    def __call__(
        self, inputs: Iterable[Path], *, clips: bool = False
    ) -> Generator[Prediction, None, None]:
        """Yield a Prediction for each file, in order, each as soon as it is ready.

        With `clips`, the images of a folder without sub-folders are the frames of one clip.
        """
        files = find_media(inputs, clips=clips)
        scored = self._score([_video(path) for path, fault in files.items() if not fault])
        with closing(scored):
            for path, fault in files.items():
                found = Prediction(path=path, error=fault) if fault else next(scored)
                yield found if found.score is None else self._judged(found)

    def faces(
        self, path: Path, index: int = 0, *, landmarks: bool = True
    ) -> tuple[NDArray[np.uint8], list[Crop]]:
        """Read a frame, upright RGB (H, W, 3), and the crops of its faces, in the order of their
        scores.

        With `landmarks` each has them, wherever its box comes from; BenchErrors say why that is
        impossible.
        """
        read = self._reader.read_marked if landmarks else self._reader.read
        image, faces = read(frame_at(path, index))
        crops = [crop_face(image, face, self.crop) for face in faces]
        return image, [
            replace(crop, video=str(path), frame=index, face=number)
            for number, crop in enumerate(crops)
        ]

    def explainer(self, name: str, options: Mapping[str, Any], **offered: Any) -> Explain:
        """Build an explainer of the scores; `offered` are options that it takes if it has them.

        A ConfigError if it cannot explain this detector.
        """
        check_parts(self._plugins, self.config.detector, name)
        spec = self.explainer_spec(name)
        cls = None if spec.options is None else spec.options.load()
        known = () if cls is None else {each.name for each in fields(cls)}
        taken = {key: value for key, value in offered.items() if key in known}
        with listed_by(self._listed):  # an explainer may compare with the same real faces
            return build_explainer(spec, self._model.detector, {**taken, **options})

    def explainer_spec(self, name: str) -> ExplainerSpec:
        """Return an explainer's record, as its plugin registers it."""
        spec: ExplainerSpec = self._plugins.get("explainer", name)
        return spec

    def _judged(self, found: Prediction) -> Prediction:
        if self.no_verdict:  # nothing is compared with anything
            return replace(found, verdict=FileVerdict(none=self.no_verdict))
        return replace(found, verdict=self.verdicts.of(found))

    def _score(self, videos: Sequence[Video]) -> Generator[Prediction, None, None]:
        config, model = self.config, self._model
        units = choose_units(config, videos)
        seconds = {(unit.frame.path, unit.frame.index): unit.frame.seconds for unit in units}
        pieces = _whole_files(units, config.batch)
        scorer = Scorer(
            model.detector,
            model.spec.name,
            model.spec.source,
            self._reader,
            model.crop,
            streams=model.streams,
        )
        with (
            closing(scorer.run(pieces, config.batch, config.workers)) as steps,
            progress_bar(
                config.detector,
                total=len(units),
                unit="frame",
                quiet=config.quiet or len(units) < 2,
            ) as advance,
        ):
            remaining = iter(pieces)
            for step in steps:
                if isinstance(step, int):
                    advance(step)
                else:
                    table = rows_of([(next(remaining), step)], model.detector, model.spec)
                    left_out = self._reader.left_out
                    yield from predictions(table, model.settings, left_out, seconds)


def _video(path: Path) -> Video:
    """Wrap a file, or a folder of frames, as a Video; its label is unknown and unused."""
    if os.path.isdir(path):  # noqa: PTH112 - raises nothing
        return Video(dataset="", id=str(path), label=0, frames=frames_in(path))
    file = path if is_video(path) else None
    frames = () if file else (Frame(path=path),)
    return Video(dataset="", id=str(path), label=0, frames=frames, file=file)


def _whole_files(units: Sequence[Unit], least: int) -> list[list[Unit]]:
    """Cut `units` into pieces of at least that many frames, except the last; no file is divided."""
    pieces: list[list[Unit]] = []
    for unit in units:
        if not pieces or (len(pieces[-1]) >= least and unit.video is not pieces[-1][-1].video):
            pieces.append([])
        pieces[-1].append(unit)
    return pieces
