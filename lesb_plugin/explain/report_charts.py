"""A part's score beside those of real faces, and scores over the frames of a video, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry import Markup, tag

__all__ = ["MAX_SERIES", "part_bar", "series_mark", "timeline"]

MAX_SERIES = 6  # as many as have a colour and a dash pattern of their own in the page's style

Points = Sequence[tuple[int, float | None]]

_WIDE, _HIGH = 720.0, 200.0
_LEFT, _TOP = 36.0, 20.0
_BAR = 200.0


def part_bar(score: float, low: float, high: float, text: str) -> Markup:
    """A score on the scale from 0 to 1, over the interval `low` to `high` of real faces."""
    return tag(
        "svg",
        tag("title", text),
        tag("rect", x=0, y=3, width=_BAR, height=16, class_="track"),
        tag("rect", x=_BAR * low, y=3, width=max(1.0, _BAR * (high - low)), height=16,
            class_="reals"),
        tag("rect", x=0, y=8, width=_BAR * score, height=6, class_="score"),
        tag("path", d=f"M{_BAR * score:.1f},0v22", class_="mark-score"),
        viewBox=f"-2 0 {_BAR + 4:g} 22",
        role="img",
        class_="bar",
    )  # fmt: skip


def timeline(series: Mapping[str, Points], telling: Sequence[int], text: str) -> Markup:
    """Scores (frame, score or None) by name; frames that are shown below are marked."""
    frames = [frame for points in series.values() for frame, _ in points]
    first, last = min(frames), max(frames)
    span = max(1, last - first)

    def x(frame: int) -> float:
        return _LEFT + _WIDE * (frame - first) / span

    curves = [
        part
        for number, points in reversed(list(enumerate(list(series.values())[:MAX_SERIES])))
        for part in _curve([(x(frame), score) for frame, score in points], number)
    ]
    return tag(
        "svg",
        tag("title", text),
        *(_level(level) for level in (0.0, 0.25, 0.5, 0.75, 1.0)),
        *(_marker(x(frame), number) for number, frame in enumerate(telling, 1)),
        *curves,
        tag("text", str(first), x=_LEFT, y=_TOP + _HIGH + 18, text_anchor="start"),
        tag("text", str(last), x=_LEFT + _WIDE, y=_TOP + _HIGH + 18, text_anchor="end"),
        tag("text", "frame", x=_LEFT + _WIDE / 2, y=_TOP + _HIGH + 18, text_anchor="middle"),
        viewBox=f"0 0 {_LEFT + _WIDE + 16:g} {_TOP + _HIGH + 26:g}",
        role="img",
        class_="timeline",
    )


def series_mark(number: int) -> Markup:
    """A short line, drawn as the curve of this number is."""
    line = tag("line", x1=1, y1=6, x2=35, y2=6, class_=f"curve series-{number}")
    return tag("svg", line, class_="mark", viewBox="0 0 36 12", aria_hidden="true")


def _y(score: float) -> float:
    return _TOP + _HIGH * (1 - score)


def _level(level: float) -> Markup:
    line = tag("line", x1=_LEFT, y1=_y(level), x2=_LEFT + _WIDE, y2=_y(level), class_="grid")
    text = tag("text", f"{level:g}", x=_LEFT - 6, y=_y(level) + 4, text_anchor="end")
    return tag("g", line, text)


def _marker(x: float, number: int) -> Markup:
    line = tag("line", x1=x, y1=_TOP, x2=x, y2=_TOP + _HIGH, class_="chance")
    return tag("g", line, tag("text", str(number), x=x, y=_TOP - 6, text_anchor="middle"))


def _curve(points: Sequence[tuple[float, float | None]], number: int) -> list[Markup]:
    """Lines between frames that have scores; a frame between two without one is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, score in points:
        if score is None:
            runs.append([])
        else:
            runs[-1].append((x, _y(score)))
    return [
        tag(
            "path",
            class_=f"curve series-{number}",
            d="M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in (run * 2 if len(run) == 1 else run)),
            stroke_linecap="round",
        )
        for run in runs
        if run
    ]
