"""A file explained: its verdict, its parts against real faces, and faces to look at."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.config import ExplainConfig
from lesb_plugin.explain.detector_choice import choose
from lesb_plugin.explain.reference import RealScores, data_of, score_reals
from lesb_plugin.explain.verdict import (
    Choice,
    Judgement,
    PartScale,
    Word,
    judge,
)
from lesb_plugin.explainers.masks import NoPartsError, regions_of
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.polygons import part_polygons
from registry import (
    BenchError,
    ConfigError,
    Crop,
    Explain,
    ExplainerSpec,
    Explanation,
    FaceScore,
    LocalDetector,
    PartAudit,
    Prediction,
    Predictor,
    shown_aspect,
    traits_of,
)

__all__ = ["Explained", "Explaining", "FaceView", "PartRow"]

_TELLING = 3  # frames of a video that are drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A part's score and conformal p, and `low` to `high`, where 90 % of real faces lie."""

    name: str
    score: float
    p: float
    z: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceView:
    """One face of one frame. `maps` (h, w) by target, `polygons` by part; None where absent.

    `aspect` is the width over height of the face, which the square crop may have squeezed.
    """

    crop: Crop
    aspect: float
    score: float
    parts: Mapping[str, float]
    picture: NDArray[np.uint8]
    boxes: tuple[tuple[int, int, int, int], ...]
    polygons: Mapping[str, Sequence[NDArray[np.float32]]] | None
    maps: Mapping[str, NDArray[np.float32]] | None
    regions: Mapping[str, float] | None
    references: Mapping[str, tuple[Crop, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explained:
    """A file: without a score it has an error, and neither a verdict nor views.

    `no_verdict` says why a file with a score has none.
    """

    prediction: Prediction
    word: Word | None = None
    p: float | None = None
    parts: tuple[PartRow, ...] = ()
    choice: Choice | None = None
    reals: RealScores | None = None  # those that it was compared with
    scale: PartScale | None = None  # of their parts
    views: tuple[FaceView, ...] = ()
    limit: float = 0.0  # the magnitude at which a map has its full colour
    notes: tuple[str, ...] = ()
    no_verdict: str = ""

    @property
    def video(self) -> bool:
        """Whether there are several frames."""
        return len(self.prediction.frames) > 1


class Explaining:
    """What explains files, built once for any number of them."""

    def __init__(self, config: ExplainConfig) -> None:
        config, self.predictor, note = choose(config)
        self.config = config
        self._counted: dict[str, float] = {}
        self.notes = [note] * bool(note) + self.predictor.notes
        self._explain, self.explainer, self._without_maps = _explainer(self.predictor, config)
        self.reals: RealScores = score_reals(self.predictor, self._explain, config)
        self.regions = regions_of(self.predictor.detector, _regions_option(config))

    @property
    def explainer_spec(self) -> ExplainerSpec | None:
        """What its plugin says of the explainer; None where nothing explains."""
        return None if self.explainer is None else self.predictor.explainer_spec(self.explainer)

    @property
    def audit(self) -> PartAudit | None:
        """What is known of how well part scores say where; None without part scores."""
        return self.predictor.audit if self.reals.parts else None

    @property
    def cannot_tell(self) -> str:
        """Why the detector's part scores do not say where, or "": as measured, else as built."""
        if self.audit is not None and self.audit.summary is not None:
            summary = self.audit.summary
            return "" if summary.passed else f"as audited, {summary.detector} {summary.finding}."
        if not isinstance(self.predictor.detector, LocalDetector):
            return ""
        return (
            f"part scores of {self.config.detector} do not say where a face was changed. Every part"
            " looks at one embedding of the whole face and learned the label of the whole face, so"
            " all parts answer much the same question."
        )

    def stages(self) -> dict[str, float]:
        """Seconds by stage since this was last asked; those of a file read ahead count as well."""
        spent, before = self.predictor.clock.spent, self._counted
        self._counted = spent
        return {stage: seconds - before.get(stage, 0.0) for stage, seconds in spent.items()}

    def __call__(self, inputs: Iterable[Path]) -> Generator[Explained, None, None]:
        """Every file, in order, each as soon as it is there."""
        with closing(self.predictor(inputs)) as found:
            for prediction in found:
                yield self._one(prediction)

    def _one(self, found: Prediction) -> Explained:
        if found.score is None:
            return Explained(prediction=found)
        reals = self.reals.like(found.sharpness)
        views = tuple(
            view for each in _drawn_frames(found, self.config) for view in self._views(*each)
        )
        own = [float(np.abs(m).max()) for view in views for m in (view.maps or {}).values()]
        seen = Explained(
            prediction=found,
            views=views,
            limit=max([self.reals.strength, *own]),
            notes=tuple(self._notes(found, len(views))),
            no_verdict=self._no_verdict,
        )
        if self._no_verdict:
            return seen
        if reals is None:
            return replace(seen, word="UNDETERMINED", choice=self._like_none(found))
        scale = PartScale.of(reals.parts)
        judgement = judge(
            found.score, found.parts, reals.fake, reals.parts, scale, self.cannot_tell
        )
        parts = _rows(found.parts, judgement, scale)
        judged = replace(
            seen, word=judgement.word, p=judgement.p, parts=parts, choice=judgement.choice
        )
        return replace(judged, reals=reals, scale=scale)

    def _like_none(self, found: Prediction) -> Choice:
        """Why a face that is like no kept one gets neither a verdict nor a part."""
        known = self.reals.sharpness
        assert known is not None  # noqa: S101 - or every face would be comparable
        text = (
            f"No comparable real faces: the sharpness of this one is {found.sharpness:.0f}, that of"
            f" those that the fit kept is {known.min():.0f} to {known.max():.0f}. Name reals of its"
            " kind with --reference."
        )
        return Choice(part=None, text=text)

    @property
    def _no_verdict(self) -> str:
        """Why nothing can be said of any face, or ""."""
        if self.predictor.origin["weights"] == "random":
            return "the weights of the backbone are random, so that its scores mean nothing"
        return ""

    def _notes(self, found: Prediction, drawn: int) -> Iterable[str]:
        yield from self.notes
        if self._without_maps:
            yield f"no maps: {self._without_maps}"
        for reason, count in found.frame_errors.most_common():
            yield f"{count} of {len(found.frames)} frames have no score: {reason}"
        if found.left_out_note:
            yield f"{found.left_out_note} scores them too: the one that was changed may be smaller"
        if len(found.frames) == 1 and found.faces > 1:
            yield (
                f"{found.faces} faces were scored, and the verdict is on the one with the highest"
                f" score; {'all' if drawn == found.faces else f'the {drawn} highest'} are drawn"
            )

    def _views(self, path: Path, frame: int, faces: Sequence[FaceScore]) -> list[FaceView]:
        """These faces of a frame, which is read once more."""
        notes: list[str] = []
        try:
            picture, crops = self.predictor.faces(path, frame)
        except BenchError as error:
            picture, crops = self.predictor.faces(path, frame, landmarks=False)
            notes.append(f"no landmarks: {error}")
        by_box = {crop.box: crop for crop in crops}
        return [self._view(by_box[face.box], face, picture, tuple(by_box), notes) for face in faces]

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
            f"the map of {each} is not finite" for each in explanation.maps if each not in maps
        ]
        if explanation.note:
            faults.append(explanation.note)
        return FaceView(
            crop=crop,
            aspect=shown_aspect(self.predictor.crop, crop.box),
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
                return self._explain([crop])[0]
        except BenchError as error:
            return Explanation(note=f"no map: {error}")


def _rows(
    parts: Mapping[str, float], judgement: Judgement, scale: PartScale
) -> tuple[PartRow, ...]:
    return tuple(
        PartRow(
            name=name,
            score=parts[name],
            p=judgement.parts_p[name],
            z=judgement.z[name],
            low=float(scale.low[at]),
            high=float(scale.high[at]),
        )
        for at, name in enumerate(scale.names)
    )


def _explainer(
    predictor: Predictor, config: ExplainConfig
) -> tuple[Explain | None, str | None, str]:
    """What explains, its name, and why there is none; one asked for that cannot is an error."""
    offered = {"reference": data_of(config)}
    try:
        name = config.explainer or traits_of(predictor.detector).explained_by
        return predictor.explainer(name, config.explain, **offered), name, ""
    except ConfigError as error:
        if config.explainer is not None:
            raise
        return None, None, str(error)


def _regions_option(config: ExplainConfig) -> ExplainOptions:
    given = config.explain.get("regions")
    return ExplainOptions() if given is None else ExplainOptions(regions=str(given))


def _drawn_frames(
    found: Prediction, config: ExplainConfig
) -> list[tuple[Path, int, Sequence[FaceScore]]]:
    """Frames, in the order of time, and the faces of them that are drawn.

    Of an image the highest-scored faces, of a video the highest of each highest-scored frame.
    """
    scored = [frame for frame in found.frames if frame.faces]
    ranked = {frame.index: sorted(frame.faces, key=lambda face: -face.score) for frame in scored}
    if len(found.frames) == 1:
        return [(found.path, index, faces[: config.pictures]) for index, faces in ranked.items()]
    highest = sorted(ranked, key=lambda index: -ranked[index][0].score)[:_TELLING]
    return [(found.path, index, ranked[index][:1]) for index in sorted(highest)]
