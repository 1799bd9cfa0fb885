"""The page that takes a file, and the page for errors."""

from __future__ import annotations

from importlib import resources

from registry import Markup, html_page, tag

__all__ = ["error_page", "front_page", "with_way_back"]

_STYLE = """
.drop { display: block; border: 2px dashed var(--soft); border-radius: .8rem; padding: 3rem 1.5rem; text-align: center; background: var(--panel); cursor: pointer; }
.drop.over { border-color: var(--accent); border-style: solid; }
.drop strong { display: block; font-size: 1.3rem; margin-bottom: .4rem; }
.drop input { margin-top: 1rem; max-width: 100%; text-align-last: center; font: inherit; color: inherit; }
button { font: inherit; padding: .5rem 1.2rem; margin-top: 1rem; }
input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
#status { font-weight: 600; min-height: 1.5rem; }
"""  # noqa: E501 - a rule a line
_BACK = tag("p", tag("a", "Another file", href="/"))


def front_page(detector: str, megabytes: int) -> str:
    """Return the page to drop or choose a file on; without its script there is a button."""
    field = tag("input", type="file", name="file", accept="image/*,video/*", required=True)
    drop = tag(
        "label", tag("strong", "Drop a photo or a clip here"), "or choose one:", tag("br"), field,
        class_="drop",
    )  # fmt: skip
    form = tag(
        "form", drop, tag("button", "Explain it", type="submit"),
        action="/report", method="post", enctype="multipart/form-data",
        data_most=str(megabytes * 1_000_000), data_megabytes=str(megabytes),
    )  # fmt: skip
    about = (
        f"Detector {detector} runs on this machine. The file is sent nowhere else, and"
        f" nothing of it is stored. At most {megabytes:,} MB."
    )
    script = resources.files("lesb_plugin.serve").joinpath("serve.js").read_text("utf-8")
    return html_page(
        "Was it manipulated?",
        tag("header", tag("h1", "Was it manipulated?"), tag("p", about, class_="soft")),
        tag("main", form, tag("p", "", id="status", role="status")),
        style=_STYLE,
        script=script,
    )


def error_page(sentence: str) -> str:
    """Return a page that says why there is no report, with a link back."""
    main = tag("main", tag("p", sentence, class_="note", role="alert"), _BACK)
    return html_page("No report", tag("header", tag("h1", "No report")), main)


def with_way_back(report: str) -> str:
    """Return a report of `bench explain` with a link to the page for the next file."""
    return report.replace("<body>", Markup(f"<body><nav>{_BACK}</nav>"), 1)
