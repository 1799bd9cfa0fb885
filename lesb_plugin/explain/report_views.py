"""The faces of a report: where they are, their parts filled, their maps under a slider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.explained import Explained, FaceView
from lesb_plugin.explain.record import Pictures
from registry import ExplainerSpec, Markup, picture_uri, table_head, tag

__all__ = ["map_words", "view_sections"]

Image = NDArray[np.uint8]

_LONGEST = 640  # side of a whole frame in the page


def view_sections(
    found: Explained, drawn: Sequence[Pictures], explainer: ExplainerSpec | None
) -> list[Markup]:
    """A section for every view."""
    return [
        _section(found, number, view, pictures, explainer)
        for number, (view, pictures) in enumerate(zip(found.views, drawn, strict=True), 1)
    ]


def _section(
    found: Explained,
    number: int,
    view: FaceView,
    pictures: Pictures,
    explainer: ExplainerSpec | None,
) -> Markup:
    title = _title(found, number, view)
    figures = [_frame(found, view), *_figures(view, pictures, found.limit)]
    notes = [tag("p", tag("strong", "Note: "), note, class_="note") for note in view.notes]
    slider = _slider(number, title) if len(pictures) > 1 else Markup()
    if view.maps is None and not view.notes:
        notes.append(tag("p", "There is no map of this face.", class_="soft"))
    return tag(
        "section",
        tag("h3", title),
        *notes,
        slider,
        tag("div", *figures, class_="faces"),
        _explainer_table(view.regions, explainer),
        *_references(view),
        class_="view",
        id=f"view-{number}",
    )


def _title(found: Explained, number: int, view: FaceView) -> str:
    if found.video:
        return f"{number}. Frame {view.crop.frame}, score {view.score:.2f}"
    if found.prediction.faces > 1:
        return f"Face {view.crop.face + 1} of {found.prediction.faces}, score {view.score:.2f}"
    return f"The face, score {view.score:.2f}"


def _slider(number: int, title: str) -> Markup:
    """Hidden until the page's script runs: it can do nothing without."""
    name = f"blend-{number}"
    return tag(
        "p",
        tag("label", "From the photograph to the colours", for_=name),
        tag("input", type="range", id=name, min=0, max=100, step=5, value=100,
            aria_describedby=f"{name}-of"),
        tag("output", "100 %", for_=name),
        tag("span", title, id=f"{name}-of", class_="unseen"),
        class_="blend",
        hidden=True,
    )  # fmt: skip


# --- pictures --------------------------------------------------------------------------------


def _frame(found: Explained, view: FaceView) -> Markup:
    box, count = view.crop.box, len(view.boxes)
    what = f"frame {view.crop.frame}" if found.video else "the picture"
    others = f", {count - 1} more in thin outline" if count > 1 else ""
    alt = f"{what} as a whole; a rectangle around the face from {box[:2]} to {box[2:]}{others}"
    picture = tag("img", src=picture_uri(_outlined(view)), alt=alt)
    return tag("figure", tag("figcaption", "Where the face is"), picture, class_="whole")


def _outlined(view: FaceView) -> Image:
    scale = min(1.0, _LONGEST / max(view.picture.shape[:2]))
    image = cv2.resize(view.picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for number, box in enumerate(view.boxes):
        x0, y0, x1, y1 = (round(edge * scale) for edge in box)
        thick = 3 if number == view.crop.face else 1
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), (0, 0, 0), thick + 2)
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), (255, 255, 255), thick)
    return np.asarray(image, np.uint8)


def _figures(view: FaceView, pictures: Pictures, limit: float) -> Iterator[Markup]:
    photo = _face(view, view.crop.image, "the face, cropped, without colours")
    if "regions" in pictures:
        words = ", ".join(f"{name} {score:.2f}" for name, score in view.parts.items())
        alt = f"the parts of the face filled with the colours of their scores: {words}"
        filled = _face(view, pictures["regions"], alt, "over")
        yield _stack("Parts by their scores", words, photo, filled)
    for target, heat in sorted((view.maps or {}).items(), key=lambda each: each[0] != "face"):
        words = map_words(view, heat, limit)
        title = "Map of the whole face" if target == "face" else f"Map of the head: {target}"
        alt = f"{title} over the photograph: {words}"
        yield _stack(title, words, photo, _face(view, pictures[f"map_{target}"], alt, "over"))
    if len(pictures) == 1:
        yield tag("figure", tag("figcaption", "The face as the detector sees it"), photo)


def _stack(title: str, words: str, under: Markup, over: Markup) -> Markup:
    pair = tag("div", under, over, class_="stack")
    return tag("figure", tag("figcaption", title), pair, tag("p", words, class_="soft"))


def _face(view: FaceView, image: Image, alt: str, class_: str | None = None) -> Markup:
    """As wide and high as the face is in the photograph: crops are square."""
    style = f"aspect-ratio: {view.aspect:.4f}"
    return tag("img", src=picture_uri(image), alt=alt, class_=class_, style=style)


def map_words(view: FaceView, heat: NDArray[np.float32], limit: float) -> str:
    """Where the map is strongest, for those who do not see its colours."""
    most = float(heat.max())
    if most <= 0 or limit <= 0:
        return "nothing points to fake"
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    height, width = view.crop.image.shape[:2]
    spot = (
        float((column + 0.5) * width / heat.shape[1]),
        float((row + 0.5) * height / heat.shape[0]),
    )
    where = _place(view, spot)
    if row in {0, heat.shape[0] - 1} or column in {0, heat.shape[1] - 1}:
        where += ", at the border of the crop"
    return f"strongest towards fake {where}, at {most / limit:.0%} of the scale"


def _place(view: FaceView, spot: tuple[float, float]) -> str:
    """The part that a spot of the crop lies in or next to, and whether it is on the face at all."""
    if not view.polygons:
        return f"at ({spot[0]:.0f}, {spot[1]:.0f}) of the crop"
    inside = {
        name: max(cv2.pointPolygonTest(each[:, None], spot, True) for each in outlines)
        for name, outlines in view.polygons.items()
    }
    name = max(inside, key=lambda each: inside[each])
    if inside[name] >= 0:
        return f"in the {name}"
    points = np.asarray(view.crop.landmarks, np.float32)  # parts have places, so there are some
    on_face = cv2.pointPolygonTest(cv2.convexHull(points), spot, measureDist=False) >= 0
    return f"on the face, nearest to the {name}" if on_face else "outside of the face's landmarks"


# --- what explainers say beside maps ---------------------------------------------------------


def _explainer_table(
    regions: Mapping[str, float] | None, explainer: ExplainerSpec | None
) -> Markup:
    if regions is None or explainer is None:
        return Markup()
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", f"{value:+.3f}", class_="number"))
        for name, value in regions.items()
    ]
    heads = ("part", explainer.unit or "value")
    head = table_head(heads)
    caption = tag(
        "caption",
        f"What explainer {explainer.name} says of the parts ({explainer.summary}); + is towards"
        " fake. It is another question than the scores of parts above, and may have another"
        " answer.",
    )
    return tag("table", caption, head, tag("tbody", *rows))


def _references(view: FaceView) -> Iterator[Markup]:
    for part, crops in view.references.items():
        pictures = [
            tag("img", src=picture_uri(crop.image), alt=f"real face {number}, near in {part}")
            for number, crop in enumerate(crops, 1)
        ]
        caption = tag("figcaption", f"Nearest real faces: {part}")
        yield tag("figure", caption, *pictures, class_="references")
