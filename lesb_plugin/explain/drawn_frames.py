"""Which frames and faces of a file a report draws."""

from __future__ import annotations

from collections.abc import Sequence

from registry import FaceScore, FrameScore, Prediction

__all__ = ["drawn_frames"]

_DRAWN = 3  # frames of a video
_GAP = 4  # drawn frames lie a quarter of the time they are chosen from apart, or more


def drawn_frames(found: Prediction, pictures: int) -> list[tuple[FrameScore, Sequence[FaceScore]]]:
    """Return frames, in the order of time, and the faces of them to draw, the highest first.

    Of an image up to `pictures` faces. Of a video the highest face of three frames: high-scoring
    ones that are spread over the runs that stand out, or over the whole video where none does.
    """
    scored = [frame for frame in found.frames if frame.faces]
    ranked = {frame.index: sorted(frame.faces, key=lambda face: -face.score) for frame in scored}
    if not found.video:
        return [(each, ranked[each.index][:pictures]) for each in scored]
    segments = () if found.verdict is None else found.verdict.segments
    inside = [
        frame for frame in scored if any(run.first <= frame.index <= run.last for run in segments)
    ]
    height = {index: faces[0].score for index, faces in ranked.items()}
    chosen = _spread(inside or scored, height)
    rest = sorted(scored, key=lambda each: (each not in inside, -height[each.index]))
    chosen += [each for each in rest if each not in chosen][: _DRAWN - len(chosen)]
    return [(each, ranked[each.index][:1]) for each in sorted(chosen, key=lambda each: each.index)]


def _spread(frames: Sequence[FrameScore], height: dict[int, float]) -> list[FrameScore]:
    """Choose up to three frames by score, none closer to another than a quarter of their span."""
    if not frames:
        return []
    gap = (frames[-1].index - frames[0].index) / _GAP
    chosen: list[FrameScore] = []
    for frame in sorted(frames, key=lambda each: -height[each.index]):
        if len(chosen) < _DRAWN and all(abs(frame.index - c.index) >= gap for c in chosen):
            chosen.append(frame)
    return chosen
