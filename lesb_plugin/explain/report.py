"""The report of a file: one page that needs no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lesb_plugin.drawing.overlay import colour_bar
from lesb_plugin.explain.explained import Explained, Explaining, PartRow
from lesb_plugin.explain.record import Pictures
from lesb_plugin.explain.report_charts import MAX_SERIES, part_bar, series_mark, timeline
from lesb_plugin.explain.report_views import view_sections
from lesb_plugin.explain.verdict import REALS_WITHIN, conformal_p
from registry import Markup, html_page, picture_uri, table_head, tag, write_text

__all__ = ["report_page", "write_report"]

_SIGNS = {"MANIPULATED": "\u25b2", "AUTHENTIC": "\u25cf", "UNDETERMINED": "\u25c6"}
_BAND = f"{100 * REALS_WITHIN:.0f} % of real faces"
_HEAD = "head"  # the variant that is the backbone's own head, or the probe in its place
_OF_HEAD = ("cam", "parts", "rollout")  # their map of the face is of that head
_NO_PROOF = (
    "A verdict is no proof: it says how a face compares with a number of real faces, and a face"
    " unlike them (another camera, make-up, strong compression) can look suspicious without having"
    " been changed."
)
_NO_TRACE = (
    "Colours show what the detector's score rests on, which need not be what was changed, and a"
    " forgery of a kind that the detector has never met can pass for real."
)


def write_report(
    path: Path,
    found: Explained,
    by: Explaining,
    drawn: Sequence[Pictures],
    record: Mapping[str, Any],
) -> None:
    """Write the page; `record` is what stands in the JSON beside it."""
    page = report_page(found, by, drawn, record)
    write_text(path, page)


def report_page(
    found: Explained, by: Explaining, drawn: Sequence[Pictures], record: Mapping[str, Any]
) -> str:
    """The whole page."""
    title = found.prediction.path.name.encode(errors="backslashreplace").decode()
    notes = [tag("p", tag("strong", "Note: "), note, class_="note") for note in found.notes]
    body = (
        tag("p", f"This file has no score: {found.prediction.error}.", class_="note")
        if found.prediction.score is None
        else Markup()
    )
    main = tag(
        "main",
        _verdict(found, by),
        body,
        *notes,
        _parts(found, by),
        _timeline(found),
        _views(found, by, drawn),
        _section("Limits", "limits", tag("p", _NO_PROOF), tag("p", _NO_TRACE))
        if found.views
        else Markup(),
        _fingerprints(found, record),
    )
    origin = (
        f"Written by bench explain {record['origin']['bench']}; every number is in the JSON file"
    )
    footer = tag("footer", f"{origin} of the same name.")
    style, script = _resource("report.css"), _resource("report.js")
    return html_page(title, _header(title, by), main, footer, style=style, script=script)


def _resource(name: str) -> str:
    return resources.files("lesb_plugin.explain").joinpath(name).read_text("utf-8")


def _header(title: str, by: Explaining) -> Markup:
    origin = by.predictor.origin
    network = f" on {origin['backbone']}" if origin["backbone"] else ""
    text = f"Examined by detector {origin['detector']}{network}: {by.predictor.summary}"
    return tag("header", tag("h1", title), tag("p", text, class_="soft"))


def _section(title: str, anchor: str, *children: str) -> Markup:
    return tag("section", tag("h2", title), *children, id=anchor)


# --- the verdict -----------------------------------------------------------------------------


def _verdict(found: Explained, by: Explaining) -> Markup:
    score = found.prediction.score
    if score is None or found.word is None or found.choice is None:
        word = tag("p", tag("span", "\u25a1", aria_hidden="true"), " NO VERDICT", class_="word")
        why = tag("p", f"{found.no_verdict[:1].upper()}{found.no_verdict[1:]}.")
        lines = [word, why] if found.no_verdict else [word]
        return tag("section", *lines, class_="verdict none", aria_label="Verdict")
    sign = tag("span", _SIGNS[found.word], aria_hidden="true")
    return tag(
        "section",
        tag("p", sign, f" {found.word}", class_="word"),
        tag("p", _sentence(found, score)),
        tag("p", tag("strong", found.choice.text)),
        tag("p", _meaning(found, by), class_="soft"),
        class_=f"verdict {found.word.lower()}",
        aria_label="Verdict",
    )


def _sentence(found: Explained, score: float) -> str:
    what = "The mean score of its frames is" if found.video else "Its score is"
    sentence = f"{what} {score:.3f} (0 real, 1 fake)."
    if found.reals is None or found.p is None:
        return sentence
    count = len(found.reals)
    higher = int(np.count_nonzero(found.reals.fake >= score))
    return (
        f"{sentence} Of {count} real faces, {higher} {'scores' if higher == 1 else 'score'} as high"
        f" or higher: p = ({higher} + 1) / ({count} + 1) = {found.p:.3f}."
    )


def _meaning(found: Explained, by: Explaining) -> str:
    video = " A video's mean is compared with scores of single faces." if found.video else ""
    return (
        "MANIPULATED is said up to p = 0.05, AUTHENTIC above p = 0.20, UNDETERMINED in between."
        f" {(found.reals or by.reals).sentence}{video}"
    )


# --- parts -----------------------------------------------------------------------------------


def _parts(found: Explained, by: Explaining) -> Markup:
    if found.reals is None or found.prediction.score is None:
        return Markup()
    tail = (1 - REALS_WITHIN) / 2
    low, high = np.quantile(found.reals.fake, (tail, 1 - tail))
    score = found.prediction.score
    p = conformal_p(score, found.reals.fake)
    rows = [_row("whole face", score, float(low), float(high), p, None)]
    rows += [_row_of(part) for part in found.parts]
    heads = ("face or part", "score", "from 0 to 1", _BAND, "p", "above their mean")
    head = table_head(heads)
    caption = tag(
        "caption",
        f"The broad band is where {_BAND} lie, half of the others on either side; the thin bar and"
        " its end are the score. Last, by how many standard deviations of real faces it lies above"
        " their mean.",
    )
    table = tag("table", caption, head, tag("tbody", *rows), class_="parts")
    without = tag("p", f"Detector {by.config.detector} scores the face as a whole and no parts.")
    return _section(
        "Scores",
        "scores",
        tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Scores"),
        Markup() if found.parts else without,
        _own_head(found),
    )


def _own_head(found: Explained) -> Markup:
    """What maps of gradients are of, where the detector's score is another."""
    head = found.prediction.variants.get(_HEAD)
    if head is None:
        return Markup()
    return tag("p", f"The backbone's own head scores {head:.3f}.", class_="soft")


def _row_of(part: PartRow) -> Markup:
    return _row(part.name, part.score, part.low, part.high, part.p, part.z)


def _row(name: str, score: float, low: float, high: float, p: float, z: float | None) -> Markup:
    text = f"{name}: {score:.2f}; {_BAND} lie between {low:.2f} and {high:.2f}"
    cells = [
        tag("td", f"{score:.3f}", class_="number"),
        tag("td", part_bar(score, low, high, text)),
        tag("td", f"{low:.2f} to {high:.2f}"),
        tag("td", f"{p:.3f}", class_="number"),
        tag("td", "-" if z is None else f"{z:+.1f} sd", class_="number"),
    ]
    return tag("tr", tag("th", name, scope="row"), *cells)


# --- frames ----------------------------------------------------------------------------------


def _timeline(found: Explained) -> Markup:
    if not found.video or found.word is None:
        return Markup()
    frames = found.prediction.frames
    names = [row.name for row in found.parts]
    series = {"whole face": [(each.index, each.score) for each in frames]}
    series |= {name: [(each.index, each.parts.get(name)) for each in frames] for name in names}
    names_drawn = list(series)[:MAX_SERIES]
    telling = [view.crop.frame for view in found.views]
    text = f"Scores of {', '.join(names_drawn)} over {len(frames)} frames"
    legend = [tag("li", series_mark(number), name) for number, name in enumerate(names_drawn)]
    rows = [
        tag(
            "tr",
            tag("th", str(each.index), scope="row"),
            *(
                tag("td", "-" if value is None else f"{value:.3f}", class_="number")
                for value in (each.score, *(each.parts.get(name) for name in names))
            ),
            tag("td", each.error),
        )
        for each in frames
    ]
    heads = ("frame", "whole face", *names, "error")
    head = table_head(heads)
    table = tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll", tabindex=0,
                role="region", aria_label="Scores by frame")  # fmt: skip
    return _section(
        "Frames",
        "frames",
        tag("div", timeline(series, telling, text), class_="scroll", tabindex=0, role="region",
            aria_label="Curves by frame"),
        tag("ul", *legend, class_="legend series"),
        tag("p", "The numbers above the curves are the frames shown below.", class_="soft"),
        tag("details", tag("summary", "The same as a table"), table),
    )  # fmt: skip


def _views(found: Explained, by: Explaining, drawn: Sequence[Pictures]) -> Markup:
    if not found.views:
        return Markup()
    lead = []
    if by.audit is not None:
        words = tag("strong", "Scores of parts: "), by.audit.words
        lead.append(tag("p", *words, class_="note"))
    if found.video:
        lead.append(tag("p", "The frames with the highest scores, in the order of time."))
    if any("regions" in each for each in drawn):
        bar = colour_bar(by.config.style)
        lead.append(_bar("Parts: score 0, real ", bar, " 1, fake", "colours of part scores"))
    if any(view.maps for view in found.views):
        lead += _of_maps(found, by)
    title = "The most telling frames" if found.video else "Faces"
    return _section(title, "faces", *lead, *view_sections(found, drawn, by.explainer_spec))


def _of_maps(found: Explained, by: Explaining) -> Iterator[Markup]:
    """Their colours, what they are of, and the scale that they share."""
    bar = colour_bar(by.config.style, signed=True)
    yield _bar("Maps: towards real ", bar, " towards fake", "colours of maps")
    if by.explainer in _OF_HEAD and _HEAD in found.prediction.variants:
        text = (
            "The map of the whole face is of the backbone's own head, which scores"
            f" {found.prediction.variants[_HEAD]:.3f}, not of the score above."
        )
        yield tag("p", text, class_="note")
    spec = by.explainer_spec
    which = "" if spec is None else f"Maps are those of explainer {spec.name} ({spec.summary}). "
    text = (
        f"{which}One scale holds for all of this page: full colour is {found.limit:.3g}, the"
        f" strongest of these maps or what 95 % of real faces ({by.reals.mapped}) stay within,"
        " whichever is more."
    )
    yield tag("p", text, class_="soft")


def _bar(before: str, bar: Any, after: str, alt: str) -> Markup:
    return tag("p", before, tag("img", src=picture_uri(bar), alt=alt), after, class_="scale")


# --- fingerprints ----------------------------------------------------------------------------


def _fingerprints(found: Explained, record: Mapping[str, Any]) -> Markup:
    origin = record["origin"]
    crop = origin["crop"]
    facts = {
        "file": record["path"],
        "sha256 of the file": record["sha256"],
        "detector": _with_options(origin["detector"], origin["options"]),
        "backbone": origin["backbone"],
        "weights": origin["weights"],
        "sha256 of the weights": origin["weights_sha256"],
        "sha256 of the artefact": origin["artefact_sha256"],
        "crop": f"{crop['name']}, {crop['size']} px, margin {crop['margin']:.1%}",
        "face detector": origin["face_detector"],
        "explainer": origin["explainer"]
        and _with_options(origin["explainer"], origin["explainer_options"]),
        "real faces": "none that are comparable"
        if found.reals is None
        else f"{len(found.reals)} of {found.reals.name}",
        "versions": ", ".join(f"{name} {each}" for name, each in origin["versions"].items()),
        "time": ", ".join(f"{stage} {t:.2f} s" for stage, t in record["seconds"].items()),
    }
    rows = [Markup(tag("dt", key) + tag("dd", str(text or "none"))) for key, text in facts.items()]
    return _section("Fingerprints", "origin", tag("dl", *rows))


def _with_options(name: str, options: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(options)}" if options else name
