"""A page of pictures in labelled rows, as PNG, SVG or PDF."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from registry import ConfigError, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "Bar", "Sheet", "SheetRow", "Tile", "check_format", "write_sheet"]

FORMATS = (".png", ".svg", ".pdf")

_TILE, _GAP, _LABEL, _EDGE = 1.6, 0.12, 1.45, 0.15  # inches
_LINE, _POINTS = 0.12, 6.5  # height of a line of text in inches, its size in points
_LABEL_CHARACTERS, _TILE_CHARACTERS = 28, 33  # of such text in a row's label and under a tile
_INFO = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # equal runs, bytes


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, uint8 RGB, and its caption; `aspect` is the width over height to show."""

    image: NDArray[np.uint8]
    caption: str = ""
    aspect: float = 1.0


@dataclass(frozen=True, eq=False)
class SheetRow:
    """Pictures side by side; `instead` says why there are none."""

    label: str
    tiles: tuple[Tile, ...]
    instead: str = ""


@dataclass(frozen=True, eq=False)
class Bar:
    """A colour scale, uint8 RGB from its low to its high end, and what its ends mean."""

    image: NDArray[np.uint8]
    low: str
    high: str
    title: str


@dataclass(frozen=True, eq=False)
class Sheet:
    """The page; `columns` are headings over the tiles, `note` at the foot says what is shown."""

    rows: tuple[SheetRow, ...]
    bar: Bar
    note: str
    columns: tuple[str, ...] = ()


def check_format(path: Path) -> None:
    """Raise a ConfigError for an unknown suffix, or if matplotlib is not installed."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"--out {path} ends in {path.suffix or 'no suffix'}, which is not a known"
            f" format; known: {', '.join(FORMATS)}"
        )
    try:
        import matplotlib  # noqa: F401 - only asked whether it is there
    except ImportError:
        raise ConfigError(
            "bench figure needs matplotlib, which is not installed: pip install"
            " 'lesb-plugin[figures]'"
        ) from None


def write_sheet(sheet: Sheet, path: Path, dpi: int = 200) -> Path:
    """Write the page, whole or not at all; `dpi` is that of a PNG, other formats have vectors."""
    import matplotlib as mpl

    suffix = path.suffix.lower()
    # Text stays text: it can be searched, and read aloud.
    settings: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "bench", "pdf.fonttype": 42, "font.size": _POINTS
    }  # fmt: skip
    with mpl.rc_context(settings), replacing(path) as temporary:
        _drawn(sheet).savefig(temporary, format=suffix[1:], dpi=dpi, metadata=_INFO[suffix])
    return path


def _drawn(sheet: Sheet) -> Figure:
    """Draw everything in its place in inches, from the top down."""
    from matplotlib.figure import Figure

    wide = max(1, len(sheet.columns), *(len(row.tiles) for row in sheet.rows))
    width = 2 * _EDGE + _LABEL + wide * (_TILE + _GAP)
    note = _wrapped(sheet.note, int((width - 2 * _EDGE) / 0.055))
    heights = [_row_height(row) for row in sheet.rows]
    head, foot = _LINE * 1.6 * bool(sheet.columns), _LINE * (5.5 + len(note))
    page = _Page(Figure(figsize=(width, 2 * _EDGE + head + sum(heights) + foot)))
    top = _EDGE
    for column, name in enumerate(sheet.columns):
        page.heading(_left(column) + _TILE / 2, top + _LINE, name)
    top += head
    for row, height in zip(sheet.rows, heights, strict=True):
        _draw_row(page, row, top)
        top += height
    _draw_bar(page, sheet.bar, top)
    page.text(_EDGE, top + _LINE * 5, note)
    return page.figure


class _Page:
    """A matplotlib figure with places in inches from its upper left corner."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.width, self.height = figure.get_size_inches()

    def text(self, x: float, y: float, lines: Sequence[str], *, align: str = "left") -> None:
        """Lines from `y` down."""
        self._write(x, y, "\n".join(lines), ha=align, va="top", linespacing=1.25)

    def heading(self, x: float, y: float, text: str) -> None:
        """Bold and centred, with its baseline at `y`."""
        self._write(x, y, text, ha="center", va="baseline", weight="bold")

    def _write(self, x: float, y: float, text: str, **how: Any) -> None:
        # A $ in a name is a $, not the start of a formula.
        self.figure.text(x / self.width, 1 - y / self.height, text, parse_math=False, **how)

    def image(self, pixels: NDArray[np.uint8], x: float, y: float, w: float, h: float) -> None:
        box = (x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height)
        axes = self.figure.add_axes(box)
        axes.imshow(pixels, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()


def _draw_row(page: _Page, row: SheetRow, top: float) -> None:
    label = [line for text in row.label.split("\n") for line in _wrapped(text, _LABEL_CHARACTERS)]
    page.text(_EDGE, top, label)
    if not row.tiles:
        page.text(_left(0), top, [row.instead])
    for column, tile in enumerate(row.tiles):
        width, height = _TILE * min(1.0, tile.aspect), _TILE / max(1.0, tile.aspect)
        x, y = _left(column) + (_TILE - width) / 2, top + (_TILE - height) / 2
        page.image(tile.image, x, y, width, height)
        page.text(_left(column), top + _TILE + 0.03, _caption(tile))


def _draw_bar(page: _Page, bar: Bar, top: float) -> None:
    x, width = _left(0), 2 * _TILE + _GAP if page.width > _left(2) else _TILE
    page.text(x, top, [bar.title])
    page.image(bar.image, x, top + _LINE * 1.4, width, _LINE)
    page.text(x, top + _LINE * 2.7, [bar.low])
    page.text(x + width, top + _LINE * 2.7, [bar.high], align="right")


def _row_height(row: SheetRow) -> float:
    label = sum(len(_wrapped(text, _LABEL_CHARACTERS)) for text in row.label.split("\n"))
    lines = max((len(_caption(tile)) for tile in row.tiles), default=0)
    picture = _TILE + 0.03 + _LINE * lines if row.tiles else 0.0
    return max(picture, _LINE * label) + 1.5 * _GAP


def _caption(tile: Tile) -> list[str]:
    return [line for text in tile.caption.split("\n") for line in _wrapped(text, _TILE_CHARACTERS)]


def _left(column: int) -> float:
    return _EDGE + _LABEL + column * (_TILE + _GAP)


def _wrapped(text: str, characters: int) -> list[str]:
    return textwrap.wrap(text, characters)
