"""SVG charts: a part's score next to those of real faces, and scores over a video's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from registry import FrameScore, Markup, Segment, tag

__all__ = ["part_bar", "timeline"]

_WIDE, _HIGH = 720.0, 200.0
_LEFT, _TOP = 36.0, 20.0
_BAR = 200.0


def part_bar(score: float, low: float, high: float, text: str) -> Markup:
    """Return a score on the scale from 0 to 1, over the interval `low` to `high` of real faces."""
    return tag(
        "svg",
        tag("title", text),
        tag("rect", x=0, y=3, width=_BAR, height=16, class_="track"),
        tag("rect", x=_BAR * low, y=3, width=max(1.0, _BAR * (high - low)), height=16,
            class_="reals"),
        tag("rect", x=0, y=8, width=_BAR * score, height=6, class_="score"),
        tag("path", d=f"M{_BAR * score:.1f},0v22", class_="mark-score"),
        viewBox=f"-2 0 {_BAR + 4:g} 22",
        preserveAspectRatio="none",  # where the page is narrow the bar is shorter and not thinner
        role="img",
        class_="bar",
    )  # fmt: skip


def timeline(
    frames: Sequence[FrameScore],
    band: tuple[float, float] | None,
    segments: Sequence[Segment],
    telling: Mapping[int, int],
    text: str,
) -> Markup:
    """Return scores over seconds, or over frames where the file has no times.

    Behind them the `band` of real faces and the `segments` that look changed; `telling` are the
    numbers of the frames that are shown below, each a link.
    """
    timed = all(frame.seconds is not None for frame in frames)
    at = [float(frame.seconds or 0.0) if timed else float(frame.index) for frame in frames]
    first, last = min(at), max(at)
    span = (last - first) or 1.0

    def x(value: float) -> float:
        return _LEFT + _WIDE * (value - first) / span

    points = [(x(value), frame.score) for value, frame in zip(at, frames, strict=True)]
    place = {frame.index: x(value) for value, frame in zip(at, frames, strict=True)}
    step = _WIDE / max(1, len(frames) - 1) / 2
    return tag(
        "svg",
        *_band(band),
        *(_segment(place[run.first] - step, place[run.last] + step) for run in segments),
        *(_level(level) for level in (0.0, 0.25, 0.5, 0.75, 1.0)),
        *(_marker(place[index], number) for index, number in telling.items()),
        *_curve(points),
        *_axis(x, first, last, timed),
        viewBox=f"0 0 {_LEFT + _WIDE + 16:g} {_TOP + _HIGH + 26:g}",
        role="group",
        aria_label=text,
        class_="timeline",
    )


def _y(score: float) -> float:
    return _TOP + _HIGH * (1 - score)


def _band(band: tuple[float, float] | None) -> Iterator[Markup]:
    if band is not None:
        low, high = band
        yield tag("rect", x=_LEFT, y=_y(high), width=_WIDE, height=_HIGH * (high - low),
                  class_="reals")  # fmt: skip


def _segment(start: float, end: float) -> Markup:
    left, right = max(_LEFT, start), min(_LEFT + _WIDE, end)
    area = tag("rect", x=left, y=_TOP, width=max(2.0, right - left), height=_HIGH, class_="changed")
    line = tag("line", x1=left, x2=right, y1=_TOP + _HIGH, y2=_TOP + _HIGH, class_="changed-line")
    return tag("g", area, line)


def _axis(x: Callable[[float], float], first: float, last: float, timed: bool) -> Iterator[Markup]:
    y = _TOP + _HIGH + 18
    for value in (first, (first + last) / 2, last):
        label = f"{value:.1f} s" if timed else f"frame {value:.0f}"
        anchor = "start" if value == first else "end" if value == last else "middle"
        yield tag("text", label, x=x(value), y=y, text_anchor=anchor)


def _level(level: float) -> Markup:
    line = tag("line", x1=_LEFT, y1=_y(level), x2=_LEFT + _WIDE, y2=_y(level), class_="grid")
    text = tag("text", f"{level:g}", x=_LEFT - 6, y=_y(level) + 4, text_anchor="end")
    return tag("g", line, text)


def _marker(x: float, number: int) -> Markup:
    line = tag("line", x1=x, y1=_TOP, x2=x, y2=_TOP + _HIGH, class_="chance")
    name = tag("text", str(number), x=x, y=_TOP - 6, text_anchor="middle", class_="jump")
    return tag("a", line, name, href=f"#shown-{number}", aria_label=f"to frame {number} below")


def _curve(points: Sequence[tuple[float, float | None]]) -> list[Markup]:
    """Return lines between frames that have scores, and a dot for each."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, score in points:
        if score is None:
            runs.append([])
        else:
            runs[-1].append((x, _y(score)))
    lines = [
        tag("path", class_="curve whole", d="M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in run))
        for run in runs
        if len(run) > 1
    ]
    dots = [tag("circle", cx=x, cy=y, r=3, class_="dot") for run in runs for x, y in run]
    return lines + dots
