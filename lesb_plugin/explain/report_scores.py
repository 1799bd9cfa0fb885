"""Scores next to those of real faces, and over the frames of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesb_plugin.explain.explained import Explained
from lesb_plugin.explain.record import Pictures
from lesb_plugin.explain.report_charts import part_bar, timeline
from lesb_plugin.explain.report_hero import seen_in, stage
from registry import FrameScore, Markup, PartRow, table_head, tag

__all__ = ["frames_section", "scores_table"]

_BAND = "90 % of real faces"


def scores_table(found: Explained) -> Markup:
    """Return a table of the face, and of its parts if they may be read as places."""
    verdict, score = found.verdict, found.prediction.score
    if verdict.band is None or score is None:
        return Markup()
    rows = [_row("whole face", score, *verdict.band, verdict.p, None)]
    rows += [_row_of(part) for part in verdict.parts if verdict.readable]
    heads = ("face or part", "score", "from 0 to 1", _BAND, "p", "above their mean")
    caption = tag(
        "caption",
        f"The broad band holds {_BAND}, and half of the others lie on either side; the"
        " thin bar ends at the score. The last column is its distance from the mean of"
        " real faces, in their standard deviations.",
    )
    table = tag("table", caption, table_head(heads), tag("tbody", *rows), class_="parts")
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Scores")


def _row_of(part: PartRow) -> Markup:
    return _row(part.name, part.score, part.low, part.high, part.p, part.z)


def _row(
    name: str, score: float, low: float, high: float, p: float | None, z: float | None
) -> Markup:
    text = f"{name}: {score:.2f}; {_BAND} lie between {low:.2f} and {high:.2f}"
    cells = [
        tag("td", f"{score:.3f}", class_="number"),
        tag("td", part_bar(score, low, high, text)),
        tag("td", f"{low:.2f} to {high:.2f}"),
        tag("td", "-" if p is None else f"{p:.3f}", class_="number"),
        tag("td", "-" if z is None else f"{z:+.1f} sd", class_="number"),
    ]
    return tag("tr", tag("th", name, scope="row"), *cells)


# --- frames ----------------------------------------------------------------------------------


def frames_section(found: Explained, drawn: Sequence[Pictures]) -> Markup:
    """Return the timeline of a video, and the frames that tell most; nothing for a picture."""
    if not found.video or found.prediction.score is None:
        return Markup()
    frames, verdict = found.prediction.frames, found.verdict
    telling = {view.crop.frame: number for number, view in enumerate(found.views, 1)}
    words = f"Scores of the face over {len(frames)} frames"
    if verdict.looks_changed:
        words += f"; {verdict.looks_changed}"
    chart = timeline(frames, verdict.band, verdict.segments, telling, words)
    band = "; the band is where 90 % of comparable real faces lie" if verdict.band else ""
    marked = "; runs that lie above real faces are shaded" if verdict.segments else ""
    return tag(
        "section",
        tag("h2", "Over time"),
        tag("div", chart, class_="scroll", tabindex=0, role="region", aria_label="Score over time"),
        tag("p", f"The score of each frame{band}{marked}. The numbers are the frames below.",
            class_="soft"),
        tag("div", *_telling(found, drawn), class_="telling"),
        _table(frames, [row.name for row in verdict.parts] if verdict.readable else []),
        id="frames",
    )  # fmt: skip


def _telling(found: Explained, drawn: Sequence[Pictures]) -> Iterator[Markup]:
    for number, (view, pictures) in enumerate(zip(found.views, drawn, strict=True), 1):
        layers = [pictures["layer"]] if "layer" in pictures else []
        at = "" if view.seconds is None else f"{view.seconds:.1f} s, "
        caption = f"{number}. {at}frame {view.crop.frame}, score {view.score:.2f}"
        yield tag(
            "figure",
            stage(view, layers, seen_in(found, view)),
            tag("figcaption", caption),
            id=f"shown-{number}",
        )


def _table(frames: Sequence[FrameScore], names: Sequence[str]) -> Markup:
    rows = [
        tag(
            "tr",
            tag("th", str(each.index), scope="row"),
            tag("td", "-" if each.seconds is None else f"{each.seconds:.2f}", class_="number"),
            *(
                tag("td", "-" if value is None else f"{value:.3f}", class_="number")
                for value in (each.score, *(each.parts.get(name) for name in names))
            ),
            tag("td", each.error),
        )
        for each in frames
    ]
    head = table_head(("frame", "seconds", "whole face", *names, "error"))
    table = tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll", tabindex=0,
                role="region", aria_label="Scores by frame")  # fmt: skip
    return tag("details", tag("summary", "The same as a table"), table)
