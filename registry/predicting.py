"""`predict`: images and videos in; scores of faces, of frames and of whole files out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry import __version__
from registry.aggregation import Units, aggregate, variant_columns
from registry.audit_summary import PartAudit
from registry.building import build_explainer
from registry.checksum import file_sha256
from registry.chunks import Unit
from registry.config import PredictConfig, ScoringConfig
from registry.console import progress_bar
from registry.crops import crop_face
from registry.inference import Embedder
from registry.inputs import choose_units
from registry.media import find_media
from registry.model import audit_of, build_model
from registry.plugins import load_plugins
from registry.predictions import OK, Settings
from registry.protocols import Detector, Explain
from registry.reader import build_reader
from registry.remarks import model_remarks
from registry.rows import rows_of
from registry.scoring import Scorer
from registry.stages import StageClock
from registry.types import Crop, CropPolicy, Frame, Video
from registry.video_files import is_video

__all__ = ["FaceScore", "FrameScore", "Prediction", "Predictor", "predict"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceScore:
    """One face; `box` (x0, y0, x1, y1) is what was cropped, in pixels of the upright frame.

    Scores lie in [0, 1], higher meaning more fake: `score` of the detector itself, `parts` of face
    parts, `variants` of its other variants.
    """

    score: float
    parts: Mapping[str, float]
    variants: Mapping[str, float]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """A frame: `score` is its highest face's, None where `error` says why there is none."""

    index: int
    score: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    variants: Mapping[str, float] = field(default_factory=dict)
    faces: tuple[FaceScore, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A file: `score` is the mean of its frames', None where `error` says why there is none."""

    path: Path
    score: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    variants: Mapping[str, float] = field(default_factory=dict)
    frames: tuple[FrameScore, ...] = ()
    error: str = ""

    @property
    def sha256(self) -> str | None:
        """Of the file; None where it cannot be read."""
        try:
            return file_sha256(self.path)
        except OSError:
            return None

    @property
    def frames_used(self) -> int:
        """Frames that have a score."""
        return sum(frame.score is not None for frame in self.frames)

    @property
    def faces(self) -> int:
        """Faces that were scored, in all frames together."""
        return sum(len(frame.faces) for frame in self.frames)

    @property
    def frame_errors(self) -> Counter[str]:
        """Why frames have no score, and how many."""
        return Counter(frame.error for frame in self.frames if frame.error)


def predict(
    *inputs: str | Path, config: PredictConfig | None = None, **settings: Any
) -> list[Prediction]:
    """Score image files, video files and all such files in folders; one Prediction for each file.

    Takes a PredictConfig, its fields as keywords (the flags of `bench predict`), or both. A file
    that cannot be scored has an `error`; a BenchError says what else is to be changed.
    """
    predictor = Predictor(replace(config or PredictConfig(), **settings))
    return list(predictor(map(Path, inputs)))


class Predictor:
    """What scores files, built once for any number of them."""

    def __init__(self, config: ScoringConfig) -> None:
        self.config = config
        self._plugins = load_plugins()
        self._reader = build_reader(self._plugins, config)
        self._model = build_model(self._plugins, config)

    @property
    def detector(self) -> Detector:
        return self._model.detector

    @property
    def embedder(self) -> Embedder | None:
        """What the detector's backbone is fed by; None where it has none."""
        return self._model.embedder

    @property
    def clock(self) -> StageClock:
        """Where the time of all that it has scored went: decode, detect, landmarks, forward."""
        return self._reader.clock

    @property
    def crop(self) -> CropPolicy:
        """How faces are cut for the detector."""
        return self._model.crop

    @property
    def summary(self) -> str:
        """The detector in a line, as its plugin describes it."""
        return self._model.spec.summary

    @property
    def notes(self) -> list[str]:
        """What a reader of the scores must know of the weights."""
        embedder = self._model.embedder
        return [] if embedder is None else model_remarks(embedder.backbone, self._model.detector)

    @cached_property
    def audit(self) -> PartAudit:
        """What a reader of part scores must know of them, where the detector gives any."""
        return audit_of(self._model, self.config)

    @property
    def origin(self) -> dict[str, Any]:
        """Plain data: what the scores come from."""
        embedder, config = self._model.embedder, self.config
        backbone = None if embedder is None else embedder.backbone
        return {
            "bench": __version__,
            "detector": config.detector,
            "options": dict(config.options),
            "backbone": backbone and backbone.name,
            "weights": backbone and backbone.weights,
            "weights_sha256": backbone and backbone.weights_sha256,
            "artefact_sha256": self._model.artefact_sha256 or None,
            "crop": asdict(self._model.crop),
            "crop_from": config.crop_from,
            "face_detector": None if config.crop_from == "frame" else config.face_detector,
            "frames": config.frames,
            "frame_policy": config.frame_policy,
            "precision": config.precision,
            "seed": config.seed,
        }

    def __call__(self, inputs: Iterable[Path]) -> Generator[Prediction, None, None]:
        """A Prediction for each file, in order, each as soon as it is there."""
        files = find_media(inputs)
        scored = self._score([_video(path) for path, fault in files.items() if not fault])
        with closing(scored):
            for path, fault in files.items():
                yield Prediction(path=path, error=fault) if fault else next(scored)

    def faces(
        self, path: Path, index: int = 0, *, landmarks: bool = True
    ) -> tuple[NDArray[np.uint8], list[Crop]]:
        """A frame, upright RGB (H, W, 3), and the crops of its faces, in the order of their scores.

        With `landmarks` every one has them, wherever its box came from; BenchErrors say what stands
        in the way.
        """
        read = self._reader.read_marked if landmarks else self._reader.read
        image, faces = read(Frame(path=path, index=index))
        crops = [crop_face(image, face, self.crop) for face in faces]
        return image, [
            replace(crop, video=str(path), frame=index, face=number)
            for number, crop in enumerate(crops)
        ]

    def explainer(self, name: str, options: Mapping[str, Any], **offered: Any) -> Explain:
        """What explains the scores; `offered` are options for an explainer that has such ones.

        A ConfigError where it cannot explain this detector.
        """
        spec = self._plugins.get("explainer", name)
        cls = None if spec.options is None else spec.options.load()
        known = () if cls is None else {each.name for each in fields(cls)}
        taken = {key: value for key, value in offered.items() if key in known}
        return build_explainer(spec, self._model.detector, {**taken, **options})

    def _score(self, videos: Sequence[Video]) -> Generator[Prediction, None, None]:
        config, model = self.config, self._model
        units = choose_units(config, videos)
        pieces = _whole_files(units, config.batch_size)
        scorer = Scorer(
            model.detector, model.spec.name, model.spec.source, self._reader, model.crop
        )
        with (
            closing(scorer.run(pieces, config.batch_size, config.workers)) as steps,
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
                    yield from _predictions(table, model.settings)


def _video(path: Path) -> Video:
    """A file as the host knows it; nobody says whether it is real, and nothing asks."""
    file = path if is_video(path) else None
    frames = () if file else (Frame(path=path),)
    return Video(dataset="", id=str(path), label=0, frames=frames, file=file)


def _whole_files(units: Sequence[Unit], least: int) -> list[list[Unit]]:
    """`units` in pieces of at least that many frames, but for the last; no file is divided."""
    pieces: list[list[Unit]] = []
    for unit in units:
        if not pieces or (len(pieces[-1]) >= least and unit.video is not pieces[-1][-1].video):
            pieces.append([])
        pieces[-1].append(unit)
    return pieces


# --- from rows to records --------------------------------------------------------------------


def _predictions(table: pa.Table, settings: Settings) -> Iterator[Prediction]:
    """The files of a table of face rows, in its order."""
    rows: dict[str, dict[int, list[Row]]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["video"], {}).setdefault(row["frame"], []).append(row)
    scored = sorted({(r["video"], r["frame"]) for r in table.to_pylist() if r["status"] == OK})
    units = aggregate(table, settings) if scored else {}  # no vote can be taken on no parts
    of_frames = dict(zip(scored, _scores(units.get("frame"), settings), strict=True))
    videos = list(dict.fromkeys(video for video, _ in scored))
    of_videos = dict(zip(videos, _scores(units.get("video"), settings), strict=True))
    columns = variant_columns(table, settings.detector)
    for name, by_frame in rows.items():
        frames = tuple(
            _frame(index, own, of_frames.get((name, index), {}), columns, settings)
            for index, own in by_frame.items()
        )
        yield _file(Path(name), frames, of_videos.get(name, {}))


def _scores(units: Units | None, settings: Settings) -> list[dict[str, Any]]:
    """`score`, `parts` and `variants` of each unit."""
    if units is None:
        return []
    return [
        _sorted_out({name: float(values[at]) for name, values in units.scores.items()}, settings)
        for at in range(len(units))
    ]


def _sorted_out(scores: Mapping[str, float], settings: Settings) -> dict[str, Any]:
    own, of_part = settings.detector, f"{settings.detector}:"
    return {
        "score": scores[own],
        "parts": {k.removeprefix(of_part): v for k, v in scores.items() if k.startswith(of_part)},
        "variants": {k: v for k, v in scores.items() if k != own and not k.startswith(of_part)},
    }


def _frame(
    index: int,
    rows: Sequence[Row],
    scores: Mapping[str, Any],
    columns: Mapping[str, str],
    settings: Settings,
) -> FrameScore:
    faces = tuple(
        FaceScore(
            box=(row["x0"], row["y0"], row["x1"], row["y1"]),
            **_sorted_out({name: row[column] for name, column in columns.items()}, settings),
        )
        for row in rows
        if row["status"] == OK
    )
    return FrameScore(index=index, faces=faces, error="" if faces else _reason(rows[0]), **scores)


def _reason(row: Row) -> str:
    """Why a row has no score, with the name that rows leave out so as to be counted together."""
    return str(row["status"]).replace("FILE", row["path"])


def _file(path: Path, frames: tuple[FrameScore, ...], scores: Mapping[str, Any]) -> Prediction:
    found = Prediction(path=path, frames=frames, **scores)
    if found.score is not None:
        return found
    reasons = found.frame_errors.most_common()
    several = len(frames) > 1
    return replace(
        found, error="; ".join(f"{n} x {text}" if several else text for text, n in reasons)
    )
