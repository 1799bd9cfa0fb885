"""Text from strangers, such as names of files and labels, made harmless for display."""

from __future__ import annotations

import re

__all__ = ["csv_cell", "markdown_cell", "one_line", "visible"]

# Control characters but for tab and newline, and marks that turn the direction of text around: a
# name that holds some could clear the screen or look like another name. Surrogates stand for the
# bytes of a name that is not UTF-8, which no encoding can write.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile("[\t\n]")
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for the start of a formula


def visible(text: str) -> str:
    """Escape control characters and direction marks in `text`; newlines and tabs stay."""
    return _CONTROL.sub(_escaped, text)


def one_line(text: str) -> str:
    """Escape newlines and tabs in `visible` text too: a name in a line or a cell."""
    return _BREAKS.sub(_escaped, visible(text))


def csv_cell(text: str) -> str:
    """Make text safe for spreadsheets: an apostrophe, which they hide, precedes a formula."""
    plain = one_line(text)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def markdown_cell(text: str) -> str:
    """Make text safe for a cell of a Markdown table: no markup, no HTML and no link."""
    plain = one_line(" ".join(text.split()))
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(mark, entity)
    return re.sub(r"([\\`*|])", r"\\\1", plain).replace("](", "]\\(")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
