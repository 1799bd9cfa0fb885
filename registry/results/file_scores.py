"""Scores of faces, frames and files as records, and how they are built from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from registry.contracts.types import NO_FACE
from registry.files import file_sha256
from registry.results.aggregation import Units, aggregate, variant_columns
from registry.results.predictions import OK, Settings
from registry.results.verdict import Choice, FileVerdict, PartRow, Segment

__all__ = ["FaceScore", "FrameScore", "Prediction", "predictions"]

Row = Mapping[str, Any]
SMALL_FACE = 80  # pixels of the shorter side: less is enlarged three times and more for a network
SOFT_FACE = 10.0  # sharpness (`faces.quality`): nine in ten faces of coded videos are sharper


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceScore:
    """One face; `box` (x0, y0, x1, y1) is what was cropped, in pixels of the upright frame.

    Scores lie in [0, 1], higher meaning more fake: `score` of the detector itself, `parts` of face
    parts, `variants` of its other variants. `sharpness` is the crop's (`faces.quality`), None where
    it is not known.
    """

    score: float
    parts: Mapping[str, float]
    variants: Mapping[str, float]
    box: tuple[int, int, int, int]
    sharpness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """A frame: `score` is its highest face's, None where `error` says why there is none.

    `left_out` is how many faces were found and not scored, for being much smaller than another;
    `seconds` is when a video shows the frame, where that is known; `file` is the frame's own image,
    where the file is a folder of them.
    """

    index: int
    file: str | None = None
    seconds: float | None = None
    score: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    variants: Mapping[str, float] = field(default_factory=dict)
    faces: tuple[FaceScore, ...] = ()
    error: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Prediction:
    """A file: `score` is the mean of its frames', None where `error` says why there is none.

    `verdict` compares it with real faces; None if it has no score.
    """

    path: Path
    score: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    variants: Mapping[str, float] = field(default_factory=dict)
    frames: tuple[FrameScore, ...] = ()
    error: str = ""
    verdict: FileVerdict | None = None

    def named(self, name: str | None) -> Prediction:
        """Return the same under another name, also in its error; None leaves it unchanged."""
        if name is None or name == str(self.path):
            return self
        error = self.error.replace(str(self.path), name)
        return replace(self, path=Path(name), error=error)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Prediction:
        """Return what an object of `bench predict --json` describes; its verdict has no reals."""
        return cls(
            path=Path(record["path"]),
            score=record["score"],
            parts={name: row["score"] for name, row in (record["parts"] or {}).items()},
            variants=record["variants"] or {},
            frames=tuple(map(_frame_of_record, record["frames"])),
            error=record["error"] or "",
            verdict=None if record["score"] is None else _verdict_of_record(record),
        )

    def __repr__(self) -> str:
        """Show the file and its verdict, without the frames."""
        if self.score is None:
            return f"<Prediction {self.path}: no score, {self.error}>"
        verdict = self.verdict or FileVerdict()
        word = f" {verdict.word}" if verdict.word else ""
        part = f", {verdict.part}" if verdict.part else ""
        return f"<Prediction {self.path}:{word} {self.score:.3f}{part}>"

    @property
    def video(self) -> bool:
        """Say whether there are several frames."""
        return len(self.frames) > 1

    @property
    def sha256(self) -> str | None:
        """Return the sha256 of the file; None if it cannot be read."""
        try:
            return file_sha256(self.path)
        except OSError:
            return None

    @property
    def no_face(self) -> bool:
        """Say whether the file was read, and shows no face in any of its frames."""
        errors = [frame.error for frame in self.frames]
        return bool(errors) and all(error.startswith(NO_FACE) for error in errors)

    @property
    def frames_used(self) -> int:
        """Count the frames that have a score."""
        return sum(frame.score is not None for frame in self.frames)

    @property
    def faces(self) -> int:
        """Count the faces that were scored, in all frames together."""
        return sum(len(frame.faces) for frame in self.frames)

    @property
    def sharpness(self) -> float | None:
        """Return the median sharpness over the frames' faces with the highest score."""
        known = [best.sharpness for best in self.best_faces if best.sharpness is not None]
        return median(known) if known else None

    @property
    def best_faces(self) -> list[FaceScore]:
        """Return the face with the highest score of each frame that has one."""
        return [
            max(frame.faces, key=lambda face: face.score) for frame in self.frames if frame.faces
        ]

    @property
    def faces_left_out(self) -> int:
        """Count the faces that were found and not scored, in all frames together."""
        return sum(frame.left_out for frame in self.frames)

    @property
    def left_out_note(self) -> str:
        """Say how many faces were left out, and how to score them; empty if there are none."""
        count, among = self.faces_left_out, sum(frame.left_out > 0 for frame in self.frames)
        if count == 0:
            return ""
        where = f" in {among} frames" if len(self.frames) > 1 else ""
        return f"{count} more face{'s' * (count > 1)}{where} left out; --faces all"

    @property
    def face_pixels(self) -> tuple[int, int] | None:
        """Return width and height of the crop of the face with the highest score, in pixels of the
        file.

        Of a video the median over its frames; None without a face.
        """
        boxes = [face.box for face in self.best_faces]
        if not boxes:
            return None
        wide, high = (median(box[at + 2] - box[at] for box in boxes) for at in (0, 1))
        return int(wide), int(high)

    @property
    def low_quality(self) -> str:
        """Say what makes the score less certain, or ""."""
        size = self.face_pixels
        if size is None:
            return ""
        found = []
        if min(size) < SMALL_FACE:
            found.append(f"small face ({size[0]} x {size[1]} pixels)")
        if self.sharpness is not None and self.sharpness < SOFT_FACE:
            found.append("blurred face")
        return f"low quality: {', '.join(found)}" if found else ""

    @property
    def frame_errors(self) -> Counter[str]:
        """Count the reasons why frames have no score; several images of a folder go by its name."""
        lost = [frame for frame in self.frames if frame.error]
        alike = [
            frame.error.replace(frame.file, str(self.path)) if frame.file else frame.error
            for frame in lost
        ]
        count = Counter(alike)
        return Counter(
            frame.error if count[text] == 1 else text
            for frame, text in zip(lost, alike, strict=True)
        )


def predictions(
    table: pa.Table,
    settings: Settings,
    left_out: Mapping[tuple[Path, int], int] | None = None,
    seconds: Mapping[tuple[Path, int], float | None] | None = None,
) -> Iterator[Prediction]:
    """Yield the files of a table of face rows, in its order.

    By path and index of their frame, `left_out` counts faces that were not scored, and `seconds`
    are when frames are shown. Reasons name the file, or the image of a folder.
    """
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
        places = {index: (Path(own[0]["path"]), index) for index, own in by_frame.items()}
        frames = tuple(
            replace(
                _frame(index, own, of_frames.get((name, index), {}), columns, settings),
                left_out=(left_out or {}).get(places[index], 0),
                seconds=(seconds or {}).get(places[index]),
            )
            for index, own in by_frame.items()
        )
        yield _file(Path(name), frames, of_videos.get(name, {}))


def _scores(units: Units | None, settings: Settings) -> list[dict[str, Any]]:
    """Return `score`, `parts` and `variants` of each unit."""
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
            sharpness=row.get("sharpness"),
            **_sorted_out({name: row[column] for name, column in columns.items()}, settings),
        )
        for row in rows
        if row["status"] == OK
    )
    return FrameScore(
        index=index,
        file=rows[0]["path"] if rows[0]["path"] != rows[0]["video"] else None,
        faces=faces,
        error="" if faces else _reason(rows[0]),
        **scores,
    )


def _reason(row: Row) -> str:
    """Say why a row has no score, with the file's name, which rows omit to be counted together."""
    return str(row["status"]).replace("FILE", row["path"])


def _frame_of_record(frame: Mapping[str, Any]) -> FrameScore:
    faces = (FaceScore(**{**face, "box": tuple(face["box"])}) for face in frame["faces"])
    return FrameScore(**{**frame, "faces": tuple(faces)})


def _verdict_of_record(record: Mapping[str, Any]) -> FileVerdict:
    verdict, part, parts = record["verdict"], record["part"], record["parts"] or {}
    if verdict is None:
        return FileVerdict(none=record["no_verdict"] or "")
    runs = [(run["frames"], run["seconds"] or (None, None)) for run in verdict["segments"]]
    return FileVerdict(
        word=verdict["word"],
        incomparable=verdict["undetermined_because"] if verdict["p"] is None else "",
        p=verdict["p"],
        p_run=verdict["p_of_highest_run"],
        below=verdict["higher_than_of_100"],
        parts=tuple(PartRow(name=name, **row) for name, row in parts.items() if "p" in row),
        choice=part and Choice(part=part["singled_out"], text=part["why"], lead=part["lead"]),
        readable=part is None or part["readable"],
        segments=tuple(
            Segment(first=first, last=last, start=start, end=end)
            for (first, last), (start, end) in runs
        ),
        partial=verdict["rest_looks_real"],
        band=verdict["reals_between"] and tuple(verdict["reals_between"]),
    )


def _file(path: Path, frames: tuple[FrameScore, ...], scores: Mapping[str, Any]) -> Prediction:
    found = Prediction(path=path, frames=frames, **scores)
    if found.score is not None:
        return found
    reasons = found.frame_errors.most_common()
    several = len(frames) > 1
    return replace(
        found, error="; ".join(f"{n} x {text}" if several else text for text, n in reasons)
    )
