"""The faces of a report one by one: the crops and all their maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.evidence import MapScale
from lesb_plugin.explain.explained import Explained, FaceView
from lesb_plugin.explain.record import Pictures
from registry import ExplainerSpec, Markup, picture_uri, table_head, tag

__all__ = ["map_words", "view_sections"]


def view_sections(
    found: Explained, drawn: Sequence[Pictures], explainer: ExplainerSpec | None
) -> list[Markup]:
    """Return a section for every view."""
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
    notes = [tag("p", tag("strong", "Note: "), note, class_="note") for note in view.notes]
    if view.maps is None and not view.notes:
        notes.append(tag("p", "There is no map of this face.", class_="soft"))
    return tag(
        "section",
        tag("h3", _title(found, number, view)),
        *notes,
        tag("div", *_figures(found, view, pictures), class_="faces"),
        _explainer_table(view, explainer),
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


def _figures(found: Explained, view: FaceView, pictures: Pictures) -> Iterator[Markup]:
    """Yield crops in true proportions."""
    photo = tag("img", src=picture_uri(pictures["photo"]), alt="the face, cropped")
    yield tag("figure", photo, tag("figcaption", "The face as the detector sees it"))
    for target, heat in sorted((view.maps or {}).items(), key=lambda each: each[0] != "face"):
        words = map_words(view, heat, found.scales[target])
        title = "Map of the whole face" if target == "face" else f"Map of the head: {target}"
        alt = f"{title} over the photograph: {words}"
        image = tag("img", src=picture_uri(pictures[f"map_{target}"]), alt=alt)
        yield tag("figure", image, tag("figcaption", title), tag("p", words, class_="soft"))


def map_words(view: FaceView, heat: NDArray[np.float32], scale: MapScale) -> str:
    """Return where the map is strongest, for readers who do not see its colours."""
    most = float(scale.share(heat).max())
    if most <= 0:
        return "nothing points to fake more than it does in real faces"
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    height, width = view.crop.image.shape[:2]
    spot = (
        float((column + 0.5) * width / heat.shape[1]),
        float((row + 0.5) * height / heat.shape[0]),
    )
    where = _place(view, spot)
    if row in {0, heat.shape[0] - 1} or column in {0, heat.shape[1] - 1}:
        where += ", at the border of the crop"
    return f"strongest towards fake {where}, at {100 * most:.0f} % of the scale"


def _place(view: FaceView, spot: tuple[float, float]) -> str:
    """Return the part that a spot of the crop lies in or next to, and whether it is on the face at
    all.
    """
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
    return f"on the face, nearest to the {name}" if on_face else "outside the landmarks of the face"


# --- what explainers say beside maps ---------------------------------------------------------


def _explainer_table(view: FaceView, explainer: ExplainerSpec | None) -> Markup:
    if view.regions is None or explainer is None:
        return Markup()
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", f"{value:+.3f}", class_="number"))
        for name, value in view.regions.items()
    ]
    beside = (
        " This is a different question from the part scores above, and may have a different answer."
    )
    heads = ("part", explainer.unit or "value")
    head = table_head(heads)
    caption = tag(
        "caption",
        f"What explainer {explainer.name} says about the parts ({explainer.summary}); +"
        f" points to fake.{beside if view.parts else ''}",
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
