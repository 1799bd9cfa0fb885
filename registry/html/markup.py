"""HTML and SVG elements as values; every text that is not Markup is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

__all__ = ["Markup", "breakable", "joined", "table_head", "tag"]

_VOID = {"br", "hr", "img", "input", "meta", "wbr"}
_JOINTS = re.compile(r"(?<=[^\s_/.-])([_/.-]+)(?=[^\W_])")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float | bool | None) -> Markup:
    """Return `<name attributes>children</name>`.

    `class_` stands for `class` and `stroke_width` for `stroke-width`; None and False leave an
    attribute out, True gives it no value.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def breakable(name: str) -> Markup:
    """Return a name that a narrow column breaks after `_`, `-`, `/` or `.`, and not elsewhere."""
    return Markup(_JOINTS.sub(r"\1<wbr>", escape(name)))


def table_head(names: Iterable[str]) -> Markup:
    """Return `<thead>` with a heading over every column."""
    return tag("thead", tag("tr", *(tag("th", name, scope="col") for name in names)))


def joined(*children: str) -> Markup:
    """Join the children; plain text is escaped."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    )


def _text(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{value:g}"
