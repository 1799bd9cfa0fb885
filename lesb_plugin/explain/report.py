"""The report of a file, picture first: one page that needs no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from lesb_plugin.drawing.evidence import MapScale
from lesb_plugin.explain.explained import Explained, Explaining
from lesb_plugin.explain.record import Pictures
from lesb_plugin.explain.report_hero import hero
from lesb_plugin.explain.report_scores import frames_section, scores_table
from lesb_plugin.explain.report_views import view_sections
from registry import FileVerdict, Markup, html_page, tag, write_text

__all__ = ["report_page", "scale_words", "write_report"]

_HEAD = "head"  # the variant that is the backbone's own head, or the probe in its place
_OF_HEAD = ("cam", "parts", "rollout")  # their map of the face is of that head
_NO_PROOF = (
    "A verdict is not proof: it compares a face with a number of real faces, and a face"
    " unlike them (another camera, make-up, strong compression) can look suspicious"
    " without having been changed."
)
_NO_TRACE = (
    "Colours show what the detector's score is based on, which need not be what was"
    " changed, and a forgery of a kind that the detector has never seen can pass for"
    " real."
)


def write_report(
    path: Path,
    found: Explained,
    by: Explaining,
    drawn: Sequence[Pictures],
    record: Mapping[str, Any],
) -> None:
    """Write the page; `record` is what stands in the JSON beside it."""
    write_text(path, report_page(found, by, drawn, record))


def report_page(
    found: Explained, by: Explaining, drawn: Sequence[Pictures], record: Mapping[str, Any]
) -> str:
    """Build the whole page."""
    title = found.prediction.path.name
    main = tag(
        "main",
        hero(found, by, drawn),
        *(tag("p", tag("strong", "Note: "), note, class_="note") for note in found.notes),
        frames_section(found, drawn),
        _file(found),
        _audit_line(found, by),
        *_folded(found, by, drawn, record),
    )
    origin = (
        f"Written by bench explain {record['origin']['bench']}; every number is in the JSON file"
    )
    footer = tag("footer", f"{origin} of the same name.")
    style, script = _resource("report.css"), _resource("report.js")
    header = tag("header", tag("h1", title))
    return html_page(title, header, main, footer, style=style, script=script)


def _resource(name: str) -> str:
    return resources.files("lesb_plugin.explain").joinpath(name).read_text("utf-8")


def _definitions(facts: Mapping[str, str]) -> Markup:
    rows = [
        tag("div", tag("dt", key), tag("dd", str(text or "none"))) for key, text in facts.items()
    ]
    return tag("dl", *rows, class_="pairs")


# --- what stands below the picture -----------------------------------------------------------


def _file(found: Explained) -> Markup:
    facts = dict(found.facts)
    size = found.prediction.face_pixels
    if size is not None:
        facts["face"] = f"{size[0]} x {size[1]} pixels"
    if found.prediction.sharpness is not None:
        facts["sharpness of the face"] = f"{found.prediction.sharpness:.0f}"
    if not facts:
        return Markup()
    return tag("section", tag("h2", "The file"), _definitions(facts), id="file", class_="facts")


def _audit_line(found: Explained, by: Explaining) -> Markup:
    """Return one line with a link to the details."""
    audit = by.audit_of(found.prediction)
    if audit is None or not found.views:
        return Markup()
    summary = audit.summary
    if summary is None:
        finding = f"The parts of {by.config.detector} have not been audited"
    elif not summary.passed:
        finding = (
            f"Audited: the part scores of {summary.detector} do not show where a face was changed"
        )
    else:
        finding = f"Audited: {summary.detector} {summary.finding}"
    link = tag("a", "more about the audit", href="#audit")
    return tag("p", f"{finding} (", link, ").", class_="audit-line")


def _folded(
    found: Explained, by: Explaining, drawn: Sequence[Pictures], record: Mapping[str, Any]
) -> Iterator[Markup]:
    scored = [] if found.prediction.score is None else list(filter(None, _scored(found, by)))
    if scored:
        title = "Scores" if found.verdict.none else "Scores compared with real faces"
        yield _details(title, "scores", *scored)
    if found.views:
        sections = view_sections(found, drawn, by.explainer_spec)
        yield _details("Faces and maps one by one", "faces", *_of_maps(found, by), *sections)
    audit = by.audit_of(found.prediction)
    if audit is not None and found.views:
        yield _details("How far to trust the parts", "audit", tag("p", audit.words))
    if limits := list(_limits(found)):
        yield _details("Limits", "limits", *limits)
    yield _details("Fingerprints", "origin", _fingerprints(found, by, record))


def _limits(found: Explained) -> Iterator[Markup]:
    """Yield the limits of what the report shows: a verdict, colours, or nothing."""
    if found.verdict.word is not None:
        yield tag("p", _NO_PROOF)
    if any(view.maps for view in found.views):
        yield tag("p", _NO_TRACE)


def _details(title: str, anchor: str, *children: str) -> Markup:
    return tag("details", tag("summary", tag("h2", title)), *children, id=anchor, class_="more")


def _scored(found: Explained, by: Explaining) -> Iterator[Markup]:
    verdict = found.verdict
    if verdict.choice is not None:
        yield tag("p", tag("strong", verdict.choice.text))
    if counted := _counted(found):
        yield tag("p", counted)
    yield scores_table(found)
    if not verdict.parts and verdict.reals is not None:
        yield tag("p", f"Detector {by.config.detector} scores the face as a whole, not its parts.")
    head = found.prediction.variants.get(_HEAD)
    if head is not None:
        yield tag("p", f"The backbone's own head scores {head:.3f}.", class_="soft")
    if not verdict.none:
        yield tag("p", _meaning(found, by), class_="soft")


def _counted(found: Explained) -> str:
    """Return how p was computed."""
    verdict, score = found.verdict, found.prediction.score
    if verdict.reals is None or verdict.p is None or score is None:
        return ""
    if found.video:
        run = (
            ""
            if verdict.p_run is None
            else f"p = {verdict.p_run:.3f} for the highest run of frames, "
        )
        why = f"; {verdict.why_two_p}" if verdict.why_two_p else ""
        return f"{run}p = {verdict.p:.3f} for the clip, each corrected for its many frames{why}."
    count, higher = len(verdict.reals), int((verdict.reals.fake >= score).sum())
    return (
        f"Of {count} pictures of real faces, {higher} {'scores' if higher == 1 else 'score'}"
        f" as high or higher: p = ({higher} + 1) / ({count} + 1) = {verdict.p:.3f}."
    )


def _of_run(found: Explained) -> str:
    p = found.verdict.p_run
    return "" if p is None else f" (its p above 0.20; here {p:.3f})"


def _meaning(found: Explained, by: Explaining) -> str:
    video = (
        " In a video, runs of frames are compared, and p takes their number into account:"
        " a run that stands out from frames that pass for real is called MANIPULATED at 4"
        " %, a whole clip, which may just be from another camera, at 1 %. A clip is"
        " AUTHENTIC if its highest run on its own is common among real"
        f" faces{_of_run(found)}."
        if found.video
        else ""
    )
    reals = found.verdict.reals or by.predictor.verdicts.reals
    return (
        "MANIPULATED: at most 5 % of comparable real faces score as high (p up to 0.05)."
        " AUTHENTIC: more than 20 % do (p above 0.20). UNDETERMINED: in between."
        f" {reals.sentence}{video}"
    )


def _of_maps(found: Explained, by: Explaining) -> Iterator[Markup]:
    """Yield what the maps show, and their scales."""
    if by.explainer in _OF_HEAD and _HEAD in found.prediction.variants:
        text = (
            "The map of the whole face belongs to the backbone's own head, which scores"
            f" {found.prediction.variants[_HEAD]:.3f}, not to the score above."
        )
        yield tag("p", text, class_="note")
    if not found.scales:
        return
    spec = by.explainer_spec
    which = "" if spec is None else f"Maps are from explainer {spec.name} ({spec.summary}). "
    measured_on = "" if by.map_reals is None else by.map_reals.name
    whose = f"faces of {measured_on}" if measured_on else "the real faces that the verdict uses"
    unknown = any(scale.usual <= 0 for scale in found.scales.values())
    else_full = ", or at the strongest value of this file where that is 0" if unknown else ""
    text = (
        f"{which}The colour begins at the value that 95 % of {whose} stay within, and is full at"
        f" three times that value{else_full}: {scale_words(found.scales)}."
    )
    yield tag("p", text, class_="soft")


def scale_words(scales: Mapping[str, MapScale]) -> str:
    """Return `0.62 to 1.86 in every map`, or the ends of each scale with the maps it belongs to."""
    maps: dict[str, list[str]] = {}
    for target, scale in scales.items():
        maps.setdefault(f"{scale.usual:.3g} to {scale.full:.3g}", []).append(target)
    if len(maps) == 1:
        return f"{next(iter(maps))} in every map"
    return "; ".join(f"{ends} for {', '.join(targets)}" for ends, targets in maps.items())


def _fingerprints(found: Explained, by: Explaining, record: Mapping[str, Any]) -> Markup:
    origin = record["origin"]
    crop = origin["crop"]
    network = {
        "backbone": origin["backbone"],
        "weights": origin["weights"],
        "sha256 of the weights": origin["weights_sha256"],
        "sha256 of the artefact": origin["artefact_sha256"],
    }
    return _definitions({
        "file": record["path"],
        "sha256 of the file": record["sha256"],
        "detector": _with_options(origin["detector"], origin["options"]),
        "what it does": by.predictor.summary,
        **(network if origin["backbone"] else {}),
        "crop": f"{crop['name']}, {crop['size']} px, margin {100 * crop['margin']:.1f} %",
        "face detector": origin["face_detector"],
        "explainer": origin["explainer"]
        and _with_options(origin["explainer"], origin["explainer_options"]),
        "real faces": _compared_with(found.verdict),
        "versions": ", ".join(f"{name} {each}" for name, each in origin["versions"].items()),
        "time by stage": ", ".join(
            f"{stage} {t:.2f} s" for stage, t in record["seconds"].items()
        ),
    })  # fmt: skip


def _compared_with(verdict: FileVerdict) -> str:
    if verdict.none:
        return ""
    return (
        "none comparable"
        if verdict.reals is None
        else f"{len(verdict.reals)} of {verdict.reals.name}"
    )


def _with_options(name: str, options: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(options)}" if options else name
