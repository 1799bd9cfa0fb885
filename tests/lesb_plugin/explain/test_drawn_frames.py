"""Which frames of a video a report draws: high ones, apart in time, within runs that stand out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lesb_plugin.explain.drawn_frames import drawn_frames
from registry.results.file_scores import FaceScore, FrameScore, Prediction
from registry.results.verdict import FileVerdict, Segment


def face(score: float) -> FaceScore:
    return FaceScore(score=score, parts={}, variants={}, box=(0, 0, 9, 9), sharpness=100.0)


def clip(scores: list[float], segments: tuple[Segment, ...] = ()) -> Prediction:
    frames = tuple(
        FrameScore(index=10 * at, score=score, faces=(face(score - 0.1), face(score)))
        for at, score in enumerate(scores)
    )
    verdict = FileVerdict(word="AUTHENTIC", segments=segments)
    return Prediction(path=Path("a.mp4"), score=0.5, frames=frames, verdict=verdict)


def drawn(found: Prediction) -> list[int]:
    frames = drawn_frames(found, 4)
    assert all(len(faces) == 1 for _, faces in frames)
    assert all(faces[0].score == frame.score for frame, faces in frames)
    return [frame.index for frame, _ in frames]


def test_neighbours_of_the_highest_frame_give_way_to_frames_elsewhere() -> None:
    peak = [0.1, 0.1, 0.1, 0.5, 0.9, 0.8, 0.7, 0.2, 0.3, 0.2, 0.2, 0.4, 0.1]  # frames 0 to 120
    assert drawn(clip(peak)) == [40, 80, 110]  # not 40, 50, 60: a quarter of 120 apart
    assert np.diff(drawn(clip(peak))).min() >= 120 / 4


def test_where_runs_stand_out_the_frames_lie_in_them() -> None:
    scores = [0.1] * 30
    scores[10:15] = [0.7, 0.8, 0.9, 0.8, 0.7]
    run = Segment(first=100, last=140)
    chosen = drawn(clip(scores, (run,)))
    assert len(chosen) == 3
    assert all(100 <= index <= 140 for index in chosen)
    assert 120 in chosen
    scores[25:28] = [0.6, 0.85, 0.6]
    later = Segment(first=250, last=270)
    both = drawn(clip(scores, (run, later)))
    assert 120 in both
    assert 260 in both


def test_three_are_drawn_even_if_few_frames_stand_out_or_there_are_few() -> None:
    scores = [0.1, 0.2, 0.9, 0.3, 0.1, 0.1]
    assert len(drawn(clip(scores, (Segment(first=20, last=20),)))) == 3
    assert drawn(clip([0.1, 0.4])) == [0, 10]


def test_of_a_picture_the_highest_faces_are_drawn() -> None:
    faces = tuple(map(face, (0.2, 0.9, 0.5)))
    frame = FrameScore(index=0, score=0.9, faces=faces)
    found = Prediction(path=Path("a.png"), score=0.9, frames=(frame,))
    ((_, chosen),) = drawn_frames(found, 2)
    assert [each.score for each in chosen] == [0.9, 0.5]
