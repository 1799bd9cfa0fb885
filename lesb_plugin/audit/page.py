"""audit.html: the table, notes on it, and example faces."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from lesb_plugin.audit.evidence.picture import SCALE, colour_bar, mapped, outlined, scored
from lesb_plugin.audit.findings import of_matrix, of_rows
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.page_table import all_controls, grouped_table
from lesb_plugin.audit.rows.digits import digits_of, interval_text, number
from lesb_plugin.audit.rows.map_rows import enlarged
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.audit.run import Audit
from lesb_plugin.audit.table import headline
from registry import Markup, html_page, joined, picture_uri, table_head, tag

__all__ = ["audit_page"]

_STYLE = """
.faces { display: grid; gap: 1.5rem; }
.faces { grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
.faces figure { max-width: none; }
.faces img { width: 32%; height: auto; margin-right: 1%; vertical-align: top; }
.bar img { width: 16rem; height: .9rem; margin: 0 .6rem; vertical-align: middle; }
.wide { font-size: .88rem; } .wide tbody th { min-width: 10rem; max-width: 15rem; }
.wide th, .wide td { padding-right: .5rem; }
.grouped .group th { padding-top: 1.1rem; font-weight: 700; border-bottom: 2px solid var(--line); }
.grouped thead th:nth-child(2), .grouped thead th:nth-child(n+4) { text-align: right; }
.grouped td:nth-child(3) { white-space: nowrap; }
@media (max-width: 40rem) {
  .grouped { font-size: .85rem; }
  .grouped tbody th { min-width: 6rem; }
  .grouped td:nth-child(3) { white-space: normal; min-width: 5.5rem; }
}
.chip { white-space: nowrap; border: 1px solid; border-radius: 1rem; }
.chip { padding: .05rem .5rem; font-size: .85em; }
.met-1 { color: var(--usual); }
.met-0 { color: var(--fake); }
@media print {
  @page { size: A4 landscape; margin: 1cm; }
  .wide { font-size: .6rem; }
  .wide tbody th { min-width: 9rem; }
  .wide th, .wide td { padding-right: .3rem; }
  .wide small { white-space: normal; }
  .faces figure { break-inside: avoid; }
}
"""
_PER_METHOD, _REALS = 1, 2


def audit_page(audit: Audit) -> str:
    """Return the whole page, self-contained."""
    title = f"Audit of {headline(audit)}"
    notes = [tag("p", tag("strong", "Note: "), line, class_="note") for line in audit.notes]
    main = tag(
        "main",
        tag("p", tag("strong", audit.summary), class_="note") if audit.summary else "",
        _cards(audit),
        *notes,
        _section(
            "Results",
            tag("p", of_rows(audit.rows)),
            _scrolling(grouped_table(audit), "Results"),
            all_controls(audit),
            _reading(),
            _controls(audit),
            _matrix(audit),
        ),
        _section("Faces", *_faces(audit)),
        _section("Provenance", _details("Everything in audit.json", audit)),
    )
    header = tag("header", tag("h1", title), tag("p", _subtitle(audit), class_="soft"))
    footer = tag("footer", f"Written by bench {audit.record['version']}.")
    return html_page(title, header, main, footer, style=_STYLE)


def _subtitle(audit: Audit) -> str:
    data = ", ".join(audit.config.dataset)
    return f"How good the explanation is, measured on {data}, split {audit.config.split}"


def _cards(audit: Audit) -> Markup:
    first = [row for row in audit.rows if row.key.startswith("right_part")]
    cards = [_card(row) for row in first if row.n]
    return tag("ul", *cards, class_="cards", aria_label="Right part first") if cards else Markup()


def _card(row: Row) -> Markup:
    constant = row.controls.get("constant part", Figure())
    digits = digits_of(row)
    value = tag("span", number(row.figure.value, digits), class_="value")
    below = f"95 % interval {interval_text(row.figure, digits)}"
    control = f"always the same part: {number(constant.value, digits)}; n = {row.n}"
    return tag("li", row.title, value, below, tag("br"), control)


def _reading() -> Markup:
    return tag(
        "p",
        "Part scores are in standard deviations of the scores of real faces. Below each"
        " value is its 95 % interval, from bootstrap draws over identities. Controls are"
        " scored like the explanation: an oracle that knows what was changed, noise, one"
        " part that is always named, the part nearest to the centre, the largest part,"
        " the explanation's own scores under the names of other parts, and for LESB's"
        " detectors the whole-face head in random subspaces of the embedding. Each row"
        " has the controls that make sense for it. Beside a row stand the control that its"
        " aim names and those as good as the row or better, or else the best. An aim that is"
        " only reached does not count as met: where a control that does not know what was"
        " changed does as well or better, reaching it proves nothing.",
        class_="soft",
    )


def _controls(audit: Audit) -> Markup:
    """Return controls that ignore the face and are not clearly beaten."""
    if not audit.called_out:
        return Markup()
    items = [tag("li", line) for line in audit.called_out]
    how = "What is compared are 95 % intervals, which the table of every control shows."
    return joined(
        tag("h3", "Controls that are not clearly beaten"),
        tag("p", how, class_="soft"),
        tag("ul", *items),
    )


def _matrix(audit: Audit) -> Markup:
    if audit.matrix is None:
        return Markup()
    parts = audit.found.names
    heads = ("score of", *(f"{part} changed" for part in parts))
    head = table_head(heads)
    rows = []
    for part, values in zip(parts, audit.matrix, strict=True):
        cells = [tag("td", "-" if np.isnan(v) else f"{v:.3f}", class_="number") for v in values]
        rows.append(tag("tr", tag("th", part, scope="row"), *cells))
    caption = tag("caption", "AUC of a part's score, faces with one part changed against reals")
    table = tag("table", caption, head, tag("tbody", *rows))
    sentence = of_matrix(parts, audit.matrix, audit.found.alone)
    return joined(_scrolling(table, "AUC matrix"), tag("p", sentence))


def _scrolling(table: Markup, label: str) -> Markup:
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


# --- pictures --------------------------------------------------------------------------------


def _faces(audit: Audit) -> Iterator[Markup]:
    low, high = SCALE
    if audit.z is not None:
        bar = tag("img", src=picture_uri(colour_bar()), alt="colour scale from blue to yellow")
        yield tag("p", f"score of a part: {low:g} ", bar, f" {high:g} standard deviations of reals",
                  class_="bar")  # fmt: skip
    maps = audit.found.reading.maps
    limit = 0.0 if maps is None else float(np.percentile(maps.max(axis=(1, 2)), 95))
    yield tag("div", *(_figure(audit, row, limit) for row in _example_rows(audit)), class_="faces")


def _example_rows(audit: Audit) -> list[int]:
    """Return the first face of each method, and two reals."""
    left: dict[str, int] = {}
    rows = []
    for row, face in enumerate(audit.found.faces):
        most = _PER_METHOD if face.fake else _REALS
        left.setdefault(face.method, most)
        if left[face.method] > 0:
            left[face.method] -= 1
            rows.append(row)
    return sorted(rows, key=lambda row: audit.found.faces[row].method)


def _figure(audit: Audit, row: int, limit: float) -> Markup:
    face, found = audit.found.faces[row], audit.found
    image = face.crop.image
    pictures = [(outlined(image, face.mask), "the face, with the change outlined")]
    if audit.z is not None:
        pictures.append(
            (scored(image, face.parts, audit.z[row]), "its parts coloured by their scores")
        )
    if found.reading.maps is not None:
        heat = enlarged(found.reading.maps[row], len(image))
        pictures.append((mapped(image, heat, limit), "the map of the explanation"))
    images = [tag("img", src=picture_uri(picture), alt=text, loading="lazy")
             for picture, text in pictures]  # fmt: skip
    return tag(
        "figure", *images, tag("figcaption", _truth(audit, row)), tag("p", _prediction(audit, row))
    )


def _truth(audit: Audit, row: int) -> str:
    face, names = audit.found.faces[row], audit.found.names
    if not face.fake:
        return "real"
    if face.truth is None or not face.truth.any():
        return f"{face.method}: changed part unknown"
    changed = [name for name, is_changed in zip(names, face.truth, strict=True) if is_changed]
    what = "the whole face" if len(changed) == len(names) > 1 else " and ".join(changed)
    return f"{face.method}: {what} changed"


def _prediction(audit: Audit, row: int) -> str:
    """Return the scores in words, next to the colours."""
    score = f"score of fake {audit.found.reading.fake[row]:.2f}"
    if audit.z is None:
        return score
    z = audit.z[row]
    order = np.argsort(-z, kind="stable")
    parts = ", ".join(f"{audit.found.names[k]} {z[k]:+.1f}" for k in order)
    return f"{score}; parts {parts}"


def _section(title: str, *children: str) -> Markup:
    return tag("section", tag("h2", title), joined(*children))


def _details(title: str, audit: Audit) -> Markup:
    text = json.dumps(audit.to_json(), indent=1)
    block = tag("pre", text, tabindex=0, role="region", aria_label=title)  # it scrolls
    return tag("details", tag("summary", title), block)
