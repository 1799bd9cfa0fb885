"""The top of a report: the photograph under its colours, the verdict, one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.evidence import scale_bar
from lesb_plugin.explain.explained import Explained, Explaining, FaceView
from lesb_plugin.explain.record import Pictures
from registry import FileVerdict, Markup, picture_uri, plain_sentence, tag, verdict_cells

__all__ = ["hero", "seen_in", "sentence_of", "stage"]

Image = NDArray[np.uint8]

_SIGNS = {"MANIPULATED": "\u25b2", "AUTHENTIC": "\u25cf", "UNDETERMINED": "\u25c6"}
_LONGEST = 4096  # pixels of a side, more than any screen shows


def hero(found: Explained, by: Explaining, drawn: Sequence[Pictures]) -> Markup:
    """Return the picture and the verdict side by side; of a video the highest of the frames
    shown.
    """
    figure = Markup()
    if found.views:
        at = max(range(len(found.views)), key=lambda each: found.views[each].score)
        figure = _figure(found, at, drawn)
    words = tag("div", *_verdict(found), *_slider(found, by), class_="said")
    return tag("section", figure, words, class_="hero", aria_label="Verdict")


def _figure(found: Explained, at: int, drawn: Sequence[Pictures]) -> Markup:
    view = found.views[at]
    same = [n for n, each in enumerate(found.views) if each.crop.frame == view.crop.frame]
    layers = [drawn[n]["layer"] for n in same if "layer" in drawn[n]]
    boxes = view.boxes if len(view.boxes) > 1 else ()
    pictured = stage(view, layers, seen_in(found, view), boxes)
    caption = []
    if found.video:
        caption.append(f"{_moment(view)}, score {view.score:.2f}")
    if len(view.boxes) > 1:
        caption.append("the verdict is for the face with the thicker rectangle")
    below = [tag("figcaption", "; ".join(caption), class_="soft")] if caption else []
    return tag("figure", pictured, *below, class_="picture")


def stage(
    view: FaceView,
    layers: Sequence[Image],
    words: str,
    boxes: Sequence[tuple[int, int, int, int]] = (),
) -> Markup:
    """Return a frame at its own resolution, with layers of colours over it."""
    under = _with_boxes(view, boxes)
    if not view.upright:  # the crop was turned: it is what can be shown
        under = view.crop.image
    images = [tag("img", src=picture_uri(_fitted(under), 92), alt=words)]
    images += [
        tag("img", src=picture_uri(_fitted(layer)), alt="what points to fake, in colour",
            class_="over")
        for layer in layers
    ]  # fmt: skip
    return tag("div", *images, class_="stage")


def _fitted(image: Image) -> Image:
    scale = min(1.0, _LONGEST / max(image.shape[:2]))
    if scale == 1.0:
        return image
    return np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _with_boxes(view: FaceView, boxes: Sequence[tuple[int, int, int, int]]) -> Image:
    image = view.picture.copy()
    thin = max(1, round(min(image.shape[:2]) / 400))
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        thick = 3 * thin if number == 0 else thin
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), (0, 0, 0), thick + 2 * thin)
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), (255, 255, 255), thick)
    return image


def _moment(view: FaceView) -> str:
    at = f"frame {view.crop.frame}"
    return at if view.seconds is None else f"{view.seconds:.1f} s ({at})"


def seen_in(found: Explained, view: FaceView) -> str:
    """Return a text for the picture, for readers who do not see it."""
    part = found.verdict.part
    outline = f"; the {part} is outlined" if part and view.polygons else ""
    what = f"the frame at {_moment(view)}" if found.video else "the photograph"
    return f"{what} with evidence for fake in colour{outline}"


# --- words -----------------------------------------------------------------------------------


def _verdict(found: Explained) -> Iterator[Markup]:
    verdict, score = found.verdict, found.prediction.score
    if score is None or verdict.word is None:
        word = verdict_cells(found.prediction)[1]
        yield tag("p", tag("span", "\u25a1", aria_hidden="true"), f" {word}", class_="word")
        why = f"This file has no score: {found.prediction.error}" if score is None else verdict.none
        yield tag("p", f"{why[:1].upper()}{why[1:]}.")
        return
    sign = tag("span", _SIGNS[verdict.word], aria_hidden="true")
    yield tag("p", sign, f" {verdict.word}", class_=f"word {verdict.word.lower()}")
    yield tag("p", sentence_of(found, score), class_="sentence")
    quality = found.prediction.low_quality
    if quality:
        yield tag("p", f"{quality[:1].upper()}{quality[1:]}.", class_="note")


def sentence_of(found: Explained, score: float) -> str:
    """Return the sentence under the verdict of a file with a score."""
    verdict = found.verdict
    changed = f"{verdict.looks_changed}. " if verdict.looks_changed else ""
    part = _part(verdict)
    if verdict.below is None and verdict.choice is not None:
        return f"It scores {score:.2f} of 1. {verdict.choice.text}"
    compared = plain_sentence(verdict, video=found.video)
    what = "Its mean score is" if found.video else "It scores"
    joint = ";" if found.video else ","
    doubt = f" No verdict either way: {verdict.doubt}." if verdict.doubt else ""
    passed = " A forgery can pass for real, too." if verdict.word == "AUTHENTIC" else ""
    return f"{changed}{what} {score:.2f} of 1{joint} {compared}.{part}{doubt}{passed}"


def _part(verdict: FileVerdict) -> str:
    """Name the part that stands out, or say that no single one does in a manipulated face."""
    if verdict.part:
        caution = ": a place to look at, not a finding" if verdict.part_caution else ""
        return f" The {verdict.part_stands_out}{caution}."
    several = verdict.word == "MANIPULATED" and len(verdict.parts) > 1 and verdict.readable
    return " No single part stands out." if several else ""


def _slider(found: Explained, by: Explaining) -> Iterator[Markup]:
    """Yield the colour scale and the slider that fades the colours; hidden without the page's
    script.
    """
    if not any(view.maps for view in found.views):
        return
    bar = tag("img", src=picture_uri(scale_bar(by.config.style)), alt="colour scale of the map")
    yield tag("p", "as in real faces ", bar, " fake", class_="scale")
    yield tag(
        "p",
        tag("label", "Colours", for_="fade"),
        tag("input", type="range", id="fade", min=0, max=100, step=5, value=100),
        tag("output", "100 %", for_="fade"),
        class_="blend",
        hidden=True,
    )
