"""Reopen a finished run: its scores by face, its pictures and its detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.contracts.detector import Detector, Explain
from registry.contracts.types import Crop, CropPolicy, Frame, Video
from registry.detectors.model import Model, build_explainer, build_model
from registry.errors import BenchError, DataError
from registry.faces.crops import crop_face, shown_aspect
from registry.faces.reader import FaceReader, build_reader
from registry.plugins.chosen import Chosen, choose
from registry.plugins.discovery import load_plugins
from registry.results.predictions import OK, read_predictions
from registry.results.result import Result
from registry.scoring.frames import find_data
from registry.settings.load import resolve
from registry.settings.tasks import EvalConfig
from registry.tasks.fit_on import fit_first

__all__ = ["FinishedRun", "ScoredFace"]

_CONFIG = "config.yaml"
_PART = "p_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredFace:
    """A face that a run has scored; `box` (x0, y0, x1, y1) is what was cropped of its frame.

    `score` is the detector's own, `parts` those of face parts; all lie in [0, 1], 1 is fake.
    """

    dataset: str
    video: str
    frame: int
    face: int
    label: int
    method: str
    score: float
    parts: Mapping[str, float]
    path: str
    box: tuple[int, int, int, int]


class FinishedRun:
    """A run folder. Faces are found again as config.yaml says, with `sets` ("key=value") over it.

    Weights are read only when the detector is requested. BenchErrors say what has changed since
    the run.
    """

    def __init__(self, folder: Path, sets: Sequence[str] = ()) -> None:
        table, settings = read_predictions(folder)
        self.folder = folder if folder.is_dir() else folder.parent
        self.name: str = settings.detector
        self.faces = tuple(_scored(row) for row in table.to_pylist() if row["status"] == OK)
        config = self.folder / _CONFIG
        if not config.is_file():
            raise DataError(f"no {_CONFIG} in {self.folder}; name a folder of `bench eval`")
        self.config = resolve(EvalConfig, config, sets, {"quiet": True})

    @property
    def parts(self) -> tuple[str, ...]:
        """Name the parts that have scores."""
        return tuple(self.faces[0].parts) if self.faces else ()

    @property
    def part_words(self) -> str:
        """Say how well part scores show where a face was changed; "" if the run does not know."""
        return str(Result.load(self.folder).provenance.audit.get("words", ""))

    def crop(self, face: ScoredFace) -> Crop:
        """Cut the face as in the run, with landmarks; a DataError if it differs from what was
        scored.
        """
        frame = self._frame(face)
        try:
            image, found = self._reader.read_marked(frame)
            found = found[face.face :]
            crop = crop_face(image, found[0], self._policy) if found else None
        except BenchError as error:
            error.add_note(self._moved)
            raise
        if crop is None or crop.box != face.box:
            where = "no longer found" if crop is None else f"found at {crop.box}"
            raise DataError(
                f"face {face.face} of {frame.path} is {where}, and the run scored"
                f" {face.box}: the image or the way faces are found has changed; run"
                " `bench eval` again"
            )
        names = {name: getattr(face, name) for name in ("dataset", "video", "frame", "face")}
        return replace(crop, **names)

    def aspect(self, crop: Crop) -> float:
        """Return width over height of the face in a crop, which is square and may be squeezed."""
        return shown_aspect(self._policy, crop.box)

    @property
    def detector(self) -> Detector:
        """Build the detector of the run."""
        return self._model.detector

    def explainer(self, name: str, options: Mapping[str, Any]) -> Explain:
        """Build the explainer `name` of the run's detector."""
        spec = self._plugins.get("explainer", name)  # a wrong name fails before weights are read
        return build_explainer(spec, self.detector, options)

    @cached_property
    def _plugins(self) -> Any:
        return load_plugins()

    @cached_property
    def _chosen(self) -> Chosen:
        return choose(self._plugins, self.config)

    @cached_property
    def _reader(self) -> FaceReader:
        every_face = self.config.faces == "all"
        return build_reader(self._chosen.faces, self.config, every_face=every_face)

    @cached_property
    def _model(self) -> Model:
        return build_model(
            self._chosen, self.config, fit_first(self._plugins, self._chosen, self.config)
        )

    @cached_property
    def _policy(self) -> CropPolicy:
        """Return the crop policy that the result records, so that looking at faces needs no
        weights.
        """
        origin = Result.load(self.folder).provenance
        crop = origin.crop if origin.backbone is None else origin.backbone.crop
        return self._model.crop if crop is None else crop

    @cached_property
    def _videos(self) -> dict[tuple[str, str], Video]:
        try:
            found = find_data(self.config, self._plugins)
        except BenchError as error:
            error.add_note(self._moved)
            raise
        return {(video.dataset, video.id): video for index in found for video in index.videos}

    @property
    def _moved(self) -> str:
        return (
            f"The run looks for its data as {self.folder / _CONFIG} says; if it has moved,"
            " name the new place with --set dataset=PATH, data_root=PATH or"
            " path_map=OLD=NEW"
        )

    def _frame(self, face: ScoredFace) -> Frame:
        video = self._videos.get((face.dataset, face.video))
        if video is None:
            error = DataError(
                f"video {face.video!r} of data set {face.dataset!r}, which the run in"
                f" {self.folder} scored, is no longer in the data"
            )
            error.add_note(self._moved)
            raise error
        if video.file is not None:
            return Frame(path=video.file, index=face.frame)
        frames = [frame for frame in video.frames if frame.index == face.frame]
        if not frames:
            raise DataError(
                f"video {face.video!r} of data set {face.dataset!r} no longer has frame"
                f" {face.frame}, which the run in {self.folder} scored; run `bench eval`"
                " again"
            )
        return frames[0]


def _scored(row: Mapping[str, Any]) -> ScoredFace:
    names = ("dataset", "video", "frame", "face", "label", "method", "path")
    x0, y0, x1, y1 = (row[side] for side in ("x0", "y0", "x1", "y1"))
    return ScoredFace(
        **{name: row[name] for name in names},
        score=row["fake"],
        parts={name.removeprefix(_PART): row[name] for name in row if name.startswith(_PART)},
        box=(x0, y0, x1, y1),
    )
