"""The answers for many files on one page and in one table: index.html and summary.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.evidence import composed
from lesb_plugin.explain.explained import Explained
from lesb_plugin.explain.record import Pictures
from registry import (
    VERDICT_COLUMNS,
    Markup,
    Prediction,
    breakable,
    html_page,
    picture_uri,
    plain_sentence,
    table_head,
    tag,
    verdict_cells,
    write_text,
)

__all__ = ["IndexEntry", "entry_of", "entry_of_record", "write_index"]

_THUMBNAIL = 120  # pixels of the longer side
_ORDER = ("MANIPULATED", "UNDETERMINED", "AUTHENTIC", "NO VERDICT", "NO FACE", "NOT READ")
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexEntry:
    """One file: what was found, the name of its report, and a small picture, None without one."""

    prediction: Prediction
    report: str
    thumbnail: NDArray[np.uint8] | None

    @property
    def word(self) -> str:
        """Return the verdict, or why there is none."""
        return verdict_cells(self.prediction)[1]

    @property
    def rank(self) -> tuple[int, int, float]:
        """Return a sort key that puts the most suspicious first."""
        verdict = self.prediction.verdict
        below = -1 if verdict is None or verdict.below is None else verdict.below
        return (_ORDER.index(self.word), -below, -(self.prediction.score or 0.0))


def entry_of(found: Explained, drawn: Sequence[Pictures], report: str) -> IndexEntry:
    """Return what the index keeps of a file."""
    thumbnail = None
    if found.views:
        at = max(range(len(found.views)), key=lambda each: found.views[each].score)
        layer = drawn[at].get("layer")
        whole = found.views[at].picture if layer is not None else drawn[at]["photo"]
        thumbnail = _small(whole if layer is None else composed(whole, layer))
    return IndexEntry(prediction=found.prediction, report=report, thumbnail=thumbnail)


def entry_of_record(folder: Path, report: str, record: Mapping[str, Any]) -> IndexEntry | None:
    """Return what the index keeps of a file whose report was written earlier; None if its numbers
    are not as this program writes them.
    """
    try:
        found = Prediction.of_record(record)
        best: dict[str, Any] = max(record["views"], key=lambda view: view["score"], default={})
        pictures = best.get("pictures", {})
        name = pictures.get("overlay") or pictures.get("photo")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    image = None if name is None else cv2.imread(str(folder / Path(name).name))
    thumbnail = None if image is None else _small(np.asarray(image[..., ::-1], np.uint8))
    return IndexEntry(prediction=found, report=report, thumbnail=thumbnail)


def write_index(folder: Path, entries: Sequence[IndexEntry]) -> Path:
    """Write index.html and summary.csv, the most suspicious first; the page's path."""
    ranked = sorted(entries, key=lambda each: each.rank)
    write_text(folder / "summary.csv", _csv(ranked))
    path = folder / "index.html"
    write_text(path, _page(ranked))
    return path


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(1.0, _THUMBNAIL / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _csv(entries: Sequence[IndexEntry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*VERDICT_COLUMNS, "report"])
    for each in entries:
        cells = [*verdict_cells(each.prediction), each.report]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return text.getvalue()


# --- the page --------------------------------------------------------------------------------


def _page(entries: Sequence[IndexEntry]) -> str:
    heads = (
        "picture",
        "file",
        "verdict",
        "score",
        "compared with real faces",
        "part",
        "changed",
        "notes",
    )
    table = tag(
        "table",
        table_head(heads),
        tag("tbody", *map(_row, entries)),
        id="files",
    )
    counts = {word: sum(each.word == word for each in entries) for word in _ORDER}
    main = tag(
        "main",
        tag("p", ", ".join(f"{count} {word}" for word, count in counts.items() if count)),
        _controls([word for word, count in counts.items() if count]),
        tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Files"),
        tag("p", "Nothing matches.", id="none", hidden=True),
    )
    text = (
        "The most suspicious files come first; click a heading to sort by it. The same"
        " table as CSV: summary.csv."
    )
    folder = resources.files("lesb_plugin.explain")
    style = folder.joinpath("index.css").read_text("utf-8")
    script = folder.joinpath("index.js").read_text("utf-8")
    header = tag("header", tag("h1", f"{len(entries)} files"))
    return html_page(
        f"{len(entries)} files examined", header, main, tag("footer", text),
        style=style, script=script,
    )  # fmt: skip


def _controls(words: Sequence[str]) -> Markup:
    """Return the filters, hidden until the page's script runs."""
    boxes = [
        tag(
            "span",
            tag("input", type="checkbox", id=f"word-{at}", value=word, checked=True),
            tag("label", f" {word}", for_=f"word-{at}"),
        )
        for at, word in enumerate(words)
    ]
    search = tag("label", "Name", for_="name"), tag("input", type="search", id="name")
    return tag("p", *search, *boxes, class_="controls", hidden=True)


def _row(entry: IndexEntry) -> Markup:
    name, word, score, below, part, changed, notes = verdict_cells(entry.prediction)
    picture = Markup("-")
    if entry.thumbnail is not None:
        picture = tag(
            "img", src=picture_uri(entry.thumbnail), alt=f"{name} with evidence in colour"
        )
    verdict = entry.prediction.verdict
    beside = ""
    if verdict is not None and verdict.word is not None:
        beside = plain_sentence(verdict, video=entry.prediction.video)
    rank = _ORDER.index(word)
    cells = [
        tag("td", picture),
        tag("th", tag("a", breakable(Path(name).name), href=entry.report, title=name), scope="row"),
        tag("td", tag("span", word, class_=f"chip {word.split()[0].lower()}"), data_value=rank),
        tag("td", f"{float(score):.3f}" if score else "-", class_="number", data_value=score or -1),
        tag("td", beside or "-", data_value=below or -1),
        tag("td", part or "-"),
        tag("td", changed or "-"),
        tag("td", notes or "-", class_="notes"),
    ]
    return tag("tr", *cells, data_verdict=word)
