"""What keeps a page from being used by keyboard, by ear or with weak eyes; no browser is needed.

`axe_violations` asks axe-core in Chromium beside it, where $BENCH_AXE is the path of axe.min.js.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.shared.chromium import dom_after

__all__ = ["axe_violations", "contrast", "faults"]

_VOID = {"br", "hr", "img", "input", "meta", "wbr"}
_NAMED_BY_TEXT = {"a", "button", "summary", "legend", "caption", "th", "label"}
_SCHEMES = ("light", "dark")
_TEXT, _GRAPHICS = 4.5, 3.0  # least contrast by WCAG 2, AA
# Lines, bands and grounds that say nothing which is not there in text or in another shape.
_DECORATION = {"line", "page", "panel", "note"}


def faults(page: str) -> list[str]:
    """Everything that is wrong with a page, in words."""
    found = _Page(page)
    return [*_of_document(found), *_of_names(found), *_of_landmarks(found), *_of_style(page)]


class _Page(HTMLParser):
    """Elements in order with their attributes and the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.inside: list[tuple[str, ...]] = []  # the names of what each lies in
        self._open: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside.append(tuple(self.elements[at][0] for at in self._open))
        self.elements.append((name, {key: value or "" for key, value in attributes}))
        self.texts.append("")
        if name not in _VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, name: str) -> None:
        assert self.elements[self._open.pop()][0] == name

    def handle_data(self, data: str) -> None:
        for at in self._open:
            self.texts[at] += data

    def all(self, *names: str) -> Iterator[tuple[str, dict[str, str], str]]:
        for (name, given), text in zip(self.elements, self.texts, strict=True):
            if name in names:
                yield name, given, text.strip()

    def having(self, key: str) -> list[str]:
        return [given[key] for _, given in self.elements if key in given]


def _of_document(page: _Page) -> Iterator[str]:
    names = Counter(name for name, _ in page.elements)
    (_, root, _) = next(page.all("html"))
    if not root.get("lang"):
        yield "no language"
    if not next(page.all("title"))[2]:
        yield "no title"
    for name in ("main", "h1"):
        if names[name] != 1:
            yield f"{names[name]} x {name}"
    view = [given["content"] for _, given, _ in page.all("meta") if given.get("name") == "viewport"]
    if not view or re.search(r"user-scalable|maximum-scale", view[0]):
        yield "the page cannot be enlarged"
    levels = [int(name[1]) for name, _, _ in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    if levels[0] != 1 or any(after - before > 1 for before, after in pairwise(levels)):
        yield f"headings jump: {levels}"
    doubled = [each for each, count in Counter(page.having("id")).items() if count > 1]
    if doubled:
        yield f"ids that are there twice: {doubled}"


def _of_names(page: _Page) -> Iterator[str]:
    """Whatever is no text has a name in text, and what is said to be named by another thing is."""
    ids, labelled = set(page.having("id")), set(page.having("for"))
    for (name, given), text, inside in zip(page.elements, page.texts, page.inside, strict=True):
        named = bool(given.get("aria-label") or given.get("aria-labelledby"))
        if name == "img" and not given.get("alt"):
            yield f"a picture without words: {str(given)[:80]}"
        if name == "input" and not (named or given.get("id") in labelled or "label" in inside):
            yield f"an input without a label: {given}"
        if name == "svg" and given.get("aria-hidden") != "true" and not (named or text.strip()):
            yield f"a drawing without words: {given}"
        if name in _NAMED_BY_TEXT and not (named or text.strip()):
            yield f"an empty {name}: {given}"
        if name == "th" and given.get("scope") not in {"row", "col", "rowgroup", "colgroup"}:
            yield f"a head of nothing: {text}"
        if int(given.get("tabindex", 0)) > 0:
            yield f"{name} jumps the queue of the keyboard"
    named_by = [*page.having("aria-labelledby"), *page.having("aria-describedby"), *labelled]
    named_by += [each[1:] for each in page.having("href") if each.startswith("#")]
    lost = {each for names in named_by for each in names.split()} - ids
    if lost:
        yield f"ids that are not there: {sorted(lost)}"


def _of_landmarks(page: _Page) -> Iterator[str]:
    """What scrolls is reached by keyboard; landmarks of a kind differ by name."""
    marks: Counter[tuple[str, str]] = Counter()
    for name, given in page.elements:
        scrolls = name == "pre" or "scroll" in given.get("class", "").split()
        if scrolls and (given.get("tabindex"), given.get("role")) != ("0", "region"):
            yield f"{name} scrolls, but not by keyboard"
        role = given.get("role") or {"nav": "navigation", "section": "region"}.get(name)
        label = given.get("aria-label", "")
        if given.get("role") == "region" and not label:
            yield f"a region without a name: {given}"
        if role in {"region", "navigation"} and (label or role == "navigation"):
            marks[role, label] += 1
    yield from (f"{count} x {mark}" for mark, count in marks.items() if count > 1)


# --- style -----------------------------------------------------------------------------------


def _of_style(page: str) -> Iterator[str]:
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.S))
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"@media[^{]*\{", "", style))
    if re.search(r"outline(-style)?:\s*(none|0)\b", style):
        yield "focus is hidden"
    seen = " ".join(selector for selector, body in rules if re.search(r"outline: [1-9]", body))
    for name in {name for name, given in _Page(page).elements if _is_reached(name, given)}:
        if f"{name}:focus-visible" not in seen and name != "div":
            yield f"focus is not shown on {name}"
    if 'class="scroll"' in page and ".scroll:focus-visible" not in seen:
        yield "focus is not shown on what scrolls"
    for scheme in _SCHEMES:
        yield from _faint(rules, _colours(style, scheme), scheme)


def _is_reached(name: str, given: dict[str, str]) -> bool:
    return name in {"button", "input", "summary"} or "href" in given or "tabindex" in given


def _colours(style: str, scheme: str) -> dict[str, str]:
    light, dark = style.split("prefers-color-scheme: dark", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    own = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    assert found.keys() == own.keys()
    return found if scheme == "light" else own


def _faint(rules: list[tuple[str, str]], colours: dict[str, str], scheme: str) -> Iterator[str]:
    """Text on its own ground, or else on the page and on a panel; graphics on the page."""
    for selector, body in rules:
        uses = dict(re.findall(r"(?:^|[;\s])([\w-]+):[^;]*?var\(--([\w-]+)\)", body))
        grounds = [uses["background"]] if "background" in uses else ["page", "panel"]
        pairs = [(uses["color"], ground, _TEXT) for ground in grounds if "color" in uses]
        if "background" in uses:
            pairs.append(("text", uses["background"], _TEXT))
        if "fill" in uses and selector.strip().endswith("text"):
            pairs.append((uses["fill"], "page", _TEXT))
        drawn = [uses[key] for key in ("fill", "stroke", "outline", "accent-color") if key in uses]
        pairs += [(each, "page", _GRAPHICS) for each in drawn if each not in _DECORATION]
        for front, ground, least in pairs:
            ratio = contrast(colours[front], colours[ground])
            if ratio < least:
                yield f"{selector.strip()} ({scheme}): {front} on {ground} has {ratio:.2f}"


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2 of two colours #rrggbb, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- axe-core --------------------------------------------------------------------------------

_RUN = """axe.run(document, {resultTypes: ["violations"]}).then((found) => {
  const shown = document.createElement("pre");
  shown.id = "axe";
  shown.textContent = JSON.stringify(found.violations.map((each) => [each.id, each.nodes[0].html]));
  document.body.append(shown);
});"""


def unfolded(page: str) -> str:
    """The page with everything open that a reader may open."""
    return re.sub(r"<details(?! open)(?=[ >])", "<details open", page)


def axe_violations(page: str, folder: Path, *, scheme: str = "light", width: int = 1280) -> object:
    """What axe-core finds in the page, everything in it unfolded; skips where axe is not at hand.

    $BENCH_AXE is the path of axe.min.js, as it lies in the npm package axe-core.
    """
    axe = os.environ.get("BENCH_AXE")
    if not axe or shutil.which("chromium") is None:
        pytest.skip("no $BENCH_AXE (the path of axe.min.js of axe-core), or no chromium")
    opened = unfolded(page)
    script = f"{Path(axe).read_text('utf-8')}\n{_RUN}"
    look = f"--blink-settings=preferredColorScheme={1 if scheme == 'light' else 0}"
    size = f"--window-size={width},1200"
    dom = dom_after(script, opened, folder, look, size, "--virtual-time-budget=60000")
    found = re.search(r'<pre id="axe">(.*?)</pre>', dom, re.S)
    assert found is not None
    return json.loads(html.unescape(found[1]))
