"""A page that needs no network and no other file."""

from __future__ import annotations

from importlib import resources

from registry.markup import Markup, tag

__all__ = ["html_page"]

# The page asks for nothing from anywhere, and a browser holds it to that; pictures are in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(title: str, *body: str, style: str = "") -> str:
    """A whole page: `body` under the look of all reports, `style` after it."""
    shared = resources.files("registry").joinpath("page.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(shared + style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *body), lang="en") + "\n"
