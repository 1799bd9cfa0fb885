"""A page that needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from registry.markup import Markup, tag

__all__ = ["html_page"]

# The page asks for nothing from anywhere, and a browser holds it to that; pictures are in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(title: str, *body: str, style: str = "", script: str = "") -> str:
    """A whole page: `body` under the look of all reports, `style` after it, `script` at its end.

    No other script can run: the page names this one by its hash.
    """
    policy = _POLICY
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        body = (*body, tag("script", Markup(script)))
    shared = resources.files("registry").joinpath("page.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(shared + style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *body), lang="en") + "\n"
