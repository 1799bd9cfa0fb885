"""A page that needs no network and no other file."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from registry.html.markup import Markup, tag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["html_page", "picture_uri"]

# The page asks for nothing from anywhere, and a browser holds it to that; pictures are in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(title: str, *body: str, style: str = "", script: str = "") -> str:
    """Return a whole page: `body` in the style of all reports, `style` after it, `script` at its
    end.

    No other script can run: the page names this one by its hash.
    """
    policy = _POLICY
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        body = (*body, tag("script", Markup(script)))
    shared = resources.files("registry.html").joinpath("page.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(shared + style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *body), lang="en") + "\n"


def picture_uri(image: NDArray[np.uint8], quality: int = 88) -> str:
    """Return an RGB image (H, W, 3) as a JPEG in a data address.

    A layer (H, W, 4), RGBA, is a PNG, whatever the quality.
    """
    import cv2

    if image.shape[2] == 4:
        code = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA))[1]
        return "data:image/png;base64," + base64.b64encode(code.tobytes()).decode()
    code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return "data:image/jpeg;base64," + base64.b64encode(code.tobytes()).decode()
