"""Explain a file: its verdict, its parts compared with real faces, and faces to look at."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.evidence import MapScale
from lesb_plugin.explain.config import ExplainSettings
from lesb_plugin.explain.drawn_frames import drawn_frames
from lesb_plugin.explain.map_scale import MapReals, map_reals, scale_of
from lesb_plugin.explainers.masks import NoPartsError, regions_of
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.polygons import part_polygons
from registry import (
    BenchError,
    ConfigError,
    Crop,
    Detector,
    Embedder,
    Explain,
    ExplainerSpec,
    Explanation,
    FaceScore,
    FileVerdict,
    FrameScore,
    PartAudit,
    Prediction,
    Predictor,
    Sample,
    file_facts,
    reference_data,
    shown_aspect,
    traits_of,
)

__all__ = ["Explained", "Explaining", "FaceView"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceView:
    """One face of one frame. `maps` (h, w) by target, `polygons` by part; None where absent.

    `aspect` is the width over height of the face, which the square crop may have squeezed;
    `upright` says that the crop is what lies in its box, so that maps can be laid over the frame.
    """

    crop: Crop
    aspect: float
    upright: bool = True
    seconds: float | None = None
    score: float
    parts: Mapping[str, float]
    picture: NDArray[np.uint8]
    boxes: tuple[tuple[int, int, int, int], ...]
    polygons: Mapping[str, Sequence[NDArray[np.float32]]] | None
    maps: Mapping[str, NDArray[np.float32]] | None
    regions: Mapping[str, float] | None
    references: Mapping[str, tuple[Crop, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def main_map(self) -> NDArray[np.float32] | None:
        """Return the map of the face, else the first."""
        if not self.maps:
            return None
        return self.maps.get("face", next(iter(self.maps.values())))

    @property
    def main_target(self) -> str:
        """Return the target of that map."""
        return "face" if not self.maps or "face" in self.maps else next(iter(self.maps))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A file with its explanation; without a score it has an error, and neither verdict nor
    views.

    `scales` are those of its maps by target, `facts` what the file says of itself.
    """

    prediction: Prediction
    views: tuple[FaceView, ...] = ()
    scales: Mapping[str, MapScale] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def video(self) -> bool:
        """Say whether there are several frames."""
        return self.prediction.video

    @property
    def verdict(self) -> FileVerdict:
        """Return its verdict; an empty one if it has no score."""
        return self.prediction.verdict or FileVerdict()


def _of_backend(detector: Detector) -> Iterator[str]:
    """Yield a note on what a backend other than torch does not compute."""
    embedder = getattr(detector, "embedder", None)
    if isinstance(embedder, Embedder) and embedder.engine is not None:
        yield (
            f"scores are computed by {embedder.backend}, maps that need gradients or inner layers"
            " by torch"
        )


class Explaining:
    """Explains files; built once for any number of them, with the `reals` of a Predictor."""

    def __init__(self, config: ExplainSettings, reals: Sequence[Sample] | None = None) -> None:
        self.predictor = Predictor(config, reals)
        self.config = config = replace(config, detector=self.predictor.name)
        self._counted: dict[str, float] = {}
        self.notes = (*self.predictor.notes, *_of_backend(self.predictor.detector))
        self._explain, self.explainer, self._without_maps = _explainer(self.predictor, config)
        self.verdict_notes = (
            self.predictor.verdict_notes
        )  # scores real faces, if verdicts need them
        self.map_reals: MapReals | None = None  # known with the first map: few need to measure it
        self.regions = regions_of(self.predictor.detector, _regions_option(config))

    @property
    def explainer_spec(self) -> ExplainerSpec | None:
        """Return the explainer's record; None if nothing explains."""
        return None if self.explainer is None else self.predictor.explainer_spec(self.explainer)

    def audit_of(self, found: Prediction) -> PartAudit | None:
        """Return what is known of how well a file's part scores localise; None without any."""
        return self.predictor.audit if found.parts else None

    def stages(self) -> dict[str, float]:
        """Return seconds by stage since the last call; those of files read ahead count as well."""
        spent, before = self.predictor.clock.spent, self._counted
        self._counted = spent
        return {stage: seconds - before.get(stage, 0.0) for stage, seconds in spent.items()}

    def __call__(
        self, inputs: Iterable[Path], *, clips: bool = False
    ) -> Generator[Explained, None, None]:
        """Yield every file, in order, as soon as it is ready; `clips` is that of a Predictor."""
        with closing(self.predictor(inputs, clips=clips)) as found:
            for prediction in found:
                yield self._one(prediction)

    def _one(self, found: Prediction) -> Explained:
        facts = file_facts(found.path)
        if found.score is None:
            return Explained(prediction=found, facts=facts)
        views = tuple(
            view
            for each in drawn_frames(found, self.config.pictures)
            for view in self._views(found.path, *each)
        )
        return Explained(
            prediction=found,
            views=views,
            scales=self._scales(views),
            facts=facts,
            notes=tuple(self._notes(found, len(views))),
        )

    def _scales(self, views: Sequence[FaceView]) -> dict[str, MapScale]:
        own: dict[str, list[float]] = {}
        for view in views:
            for target, heat in (view.maps or {}).items():
                own.setdefault(target, []).append(float(heat.max()))
        reals = self.map_reals or MapReals({})
        return {target: scale_of(target, reals, each) for target, each in own.items()}

    def _notes(self, found: Prediction, drawn: int) -> Iterable[str]:
        yield from self.notes
        if self._without_maps:
            yield f"no maps: {self._without_maps}"
        for reason, count in found.frame_errors.most_common():
            yield f"{count} of {len(found.frames)} frames have no score: {reason}"
        if found.left_out_note:
            yield (
                f"{found.left_out_note} scores them too, as the changed face may be a smaller one"
            )
        if len(found.frames) == 1 and found.faces > 1:
            yield (
                f"{found.faces} faces were scored; the verdict is for the one with the"
                " highest score, and"
                f" {('all' if drawn == found.faces else f'the {drawn} highest')} are drawn"
            )

    def _views(self, path: Path, frame: FrameScore, faces: Sequence[FaceScore]) -> list[FaceView]:
        """Return views of these faces of a frame, which is read once more."""
        notes: list[str] = []
        try:
            picture, crops = self.predictor.faces(path, frame.index)
        except BenchError as error:
            picture, crops = self.predictor.faces(path, frame.index, landmarks=False)
            notes.append(f"no landmarks: {error}")
        by_box = {crop.box: crop for crop in crops}
        views = [
            self._view(by_box[face.box], face, picture, tuple(by_box), notes) for face in faces
        ]
        return [replace(view, seconds=frame.seconds) for view in views]

    def _view(
        self,
        crop: Crop,
        face: FaceScore,
        picture: NDArray[np.uint8],
        boxes: tuple[tuple[int, int, int, int], ...],
        notes: Sequence[str],
    ) -> FaceView:
        explanation, faults = self._explanation(crop), list(notes)
        polygons = None
        try:
            polygons = part_polygons(crop, self.regions)
        except NoPartsError as error:
            faults.append(str(error))
        maps = {
            target: heat for target, heat in explanation.maps.items() if np.isfinite(heat).all()
        }
        faults += [
            f"the map of {each} has values that are not finite"
            for each in explanation.maps
            if each not in maps
        ]
        if explanation.note:
            faults.append(explanation.note)
        return FaceView(
            crop=crop,
            aspect=shown_aspect(self.predictor.crop, crop.box),
            upright=self.predictor.crop.name != "deepfakebench",
            score=face.score,
            parts=face.parts,
            picture=picture,
            boxes=boxes,
            polygons=polygons,
            maps=maps or None,
            regions=dict(explanation.regions) or None,
            references=explanation.references,
            notes=tuple(dict.fromkeys(faults)),
        )

    def _explanation(self, crop: Crop) -> Explanation:
        if self._explain is None:
            return Explanation()
        try:
            with self.predictor.clock.measure("maps"):
                found = self._explain([crop])[0]
        except BenchError as error:
            return Explanation(note=f"no map: {error}")
        if found.maps and self.map_reals is None:
            self.map_reals = (
                MapReals(found.usual)
                if found.usual
                else map_reals(self.predictor, self._explain, self.config)
            )
        return found


def _explainer(
    predictor: Predictor, config: ExplainSettings
) -> tuple[Explain | None, str | None, str]:
    """Return the explainer, its name, and why there is none; a requested one that fails is an
    error.
    """
    offered = {"reference": reference_data(config)}
    try:
        name = config.explainer or traits_of(predictor.detector).explained_by
        return predictor.explainer(name, config.explain, **offered), name, ""
    except ConfigError as error:
        if config.explainer is not None:
            raise
        nothing = "scores that mean nothing have nothing to explain"
        return None, None, nothing if predictor.no_verdict else str(error)


def _regions_option(config: ExplainSettings) -> ExplainOptions:
    given = config.explain.get("regions")
    return ExplainOptions() if given is None else ExplainOptions(regions=str(given))
