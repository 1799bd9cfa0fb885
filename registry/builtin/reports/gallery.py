"""The most confident errors of a run as pictures in its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from registry.console import progress
from registry.data.images import read_image
from registry.data.videos import VideoCursor, is_video
from registry.errors import DataError
from registry.html.markup import Markup, joined, tag
from registry.html.page import picture_uri
from registry.results.predictions import OK

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["error_gallery"]

_PICTURED = 8  # of each kind and data set, no two of one video
_LOOKED_AT = 1024  # rows from the top in which other videos are looked for
_SIDE = 128  # pixels of a picture
_KINDS = (
    (1, "Fakes called real", "the lowest scores first", "ascending"),
    (0, "Reals called fake", "the highest scores first", "descending"),
)


def error_gallery(table: pa.Table, *, quiet: bool) -> Markup:
    """Show, by data set, the faces on the wrong side of 0.5 that are furthest from it.

    Pictures are cut from the files that the run has read; if these are gone, the page says so.
    """
    scored = table.filter(pc.equal(table["status"], OK))
    blocks: list[Markup] = []
    chosen = [
        (
            dataset,
            *kind,
            _worst(scored.filter(pc.equal(scored["dataset"], dataset)), kind[0], kind[3]),
        )
        for dataset in pc.unique(scored["dataset"]).to_pylist()
        for kind in _KINDS
    ]
    bar = progress(chosen, "pictures of errors", unit="row", quiet=quiet)
    for dataset, label, title, order, _, rows in bar:
        if label == _KINDS[0][0]:
            blocks.append(tag("h3", dataset))
        blocks.append(_row(title, order, rows))
    return joined(*blocks) if blocks else tag("p", "No face has a score.")


def _worst(faces: pa.Table, label: int, order: str) -> list[dict[str, Any]]:
    """Return the faces of a label on the wrong side of 0.5, the most confident of each video."""
    called_fake = pc.greater_equal(faces["fake"], 0.5)
    wrong = pc.and_(
        pc.equal(faces["label"], label), pc.invert(called_fake) if label else called_fake
    )
    keys = [("fake", order), *((name, "ascending") for name in ("video", "frame", "face"))]
    first: dict[str, dict[str, Any]] = {}
    for row in faces.filter(wrong).sort_by(keys).slice(0, _LOOKED_AT).to_pylist():
        first.setdefault(row["video"], row)
    return list(first.values())[:_PICTURED]


def _row(title: str, order: str, rows: list[dict[str, Any]]) -> Markup:
    if not rows:
        return tag("p", f"{title}: none.")
    items, failed = [], []
    cursor = VideoCursor()
    for row in rows:
        try:
            items.append(_item(row, _thumbnail(row, cursor)))
        except DataError as error:
            failed.append(str(error))
    cursor.close()
    note = ""
    if failed:
        text = (
            f"{len(failed)} of {len(rows)} cannot be shown: {failed[0]}. Where the files"
            " are, `bench report RUN --write` rewrites this report."
        )
        note = tag("p", text, class_="soft")
    pictures = tag("ul", *items, class_="gallery", aria_label=title) if items else ""
    return joined(tag("p", tag("strong", title), f", {order}"), pictures, note)


def _item(row: Mapping[str, Any], picture: str) -> Markup:
    kind = (row["method"] or "fake") if row["label"] else "real"
    where = row["video"] + (f", frame {row['frame']}" if row["frame"] else "")
    alt = f"{kind} face of {where}, score {row['fake']:.2f}"
    parts = [
        f"{name.removeprefix('p_')} {value:.2f}"
        for name, value in row.items()
        if name.startswith("p_")
    ]
    return tag(
        "li",
        tag("img", src=picture, alt=alt, width=_SIDE, height=_SIDE),
        tag("strong", f"{row['fake']:.2f}"),
        f" {kind}",
        tag("br"),
        tag("small", where),
        *((tag("br"), tag("small", ", ".join(parts))) if parts else ()),
    )


def _thumbnail(row: Mapping[str, Any], cursor: VideoCursor) -> str:
    """Return the cropped face as a JPEG in a data address."""
    import cv2

    path = Path(row["path"])
    image = cursor.read(path, row["frame"]) if is_video(path) else read_image(path)
    box = [row[side] for side in ("x0", "y0", "x1", "y1")]
    face = _cut(image, box)
    if face.size == 0:
        raise DataError(
            f"{path} is smaller than it was when it was scored: it has nothing at {box}"
        )
    small = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return picture_uri(np.asarray(small, np.uint8), quality=80)


def _cut(image: NDArray[np.uint8], box: list[int]) -> NDArray[np.uint8]:
    """Return the part of the box inside the image; an aligned crop may reach beyond it."""
    x0, y0, x1, y1 = (max(0, edge) for edge in box)
    return image[y0:y1, x0:x1]
