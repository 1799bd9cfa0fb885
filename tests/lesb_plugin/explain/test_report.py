"""The report of `bench explain` as a page: whole, alone, and usable by keyboard and ear."""

from __future__ import annotations

import csv
import html
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from registry.cli import main
from tests.shared.chromium import chromium, dom_after, needs_chromium
from tests.shared.drawn_files import drawn_plugins, film, portrait, write
from tests.shared.page_checks import axe_violations, faults
from tests.shared.tiny import write_reals

VOID = {"br", "hr", "img", "input", "meta", "wbr"}
NAME = "<img src=x onerror=alert(1)>.png"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a picture, of a video and of a file that cannot be read, and their index."""
    folder = tmp_path_factory.mktemp("reports")
    reals = write_reals(tmp_path_factory.mktemp("reals"), 20)
    inputs = [
        write(folder / "photo.png", np.hstack([portrait(1), portrait(2, red=30)])),
        film(folder / "clip.mp4", [portrait(n, red=9 * n) for n in range(5)]),
        write(folder / NAME, np.zeros((8, 8, 3), np.uint8)),
    ]
    plugins = drawn_plugins()
    how = ["--detector", "three", "--backbone", "tiny", "--face-detector", "drawn"]
    how += ["--landmarker", "mean", "--quiet", "--reference", reals, "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch:
        for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
            patch.setattr(module, "load_plugins", lambda: plugins)
        assert main(["explain", *how, *map(str, inputs)]) == 1
    found = {path.stem: path for path in (folder / "out").glob("*.html")}
    kinds = {kind: found.pop(kind) for kind in ("photo", "clip", "index")}
    return kinds | {"error": found.popitem()[1]}


class Page(HTMLParser):
    """What of a page can be checked without a browser; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.inputs: list[dict[str, str | None]] = []
        self.labelled: set[str | None] = set()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[int] = []
        self.svgs = 0
        self.titled = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "title" and self.open[-1] == "svg":
            self.titled += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(given)
        if tag == "input":
            self.inputs.append(given)
        if tag == "label":
            self.labelled.add(given["for"])
        if tag == "svg" and given.get("role") == "img":
            self.svgs += 1
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        self.ids += [str(given["id"])] if "id" in given else []
        self.addresses += [str(given[each]) for each in ("src", "href") if each in given]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


KINDS = ("photo", "clip", "error", "index")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_well_formed_and_asks_for_nothing_from_anywhere(
    kind: str, pages: dict[str, Path]
) -> None:
    text = pages[kind].read_text("utf-8")
    page = Page(text)
    of_pages = ("data:image/jpeg;base64,", "data:image/png;base64,", "#")
    beside = {path.name for path in pages.values()} if kind == "index" else set()
    assert all(each.startswith(of_pages) or each in beside for each in page.addresses)
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src &#x27;none&#x27;" in text
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_image_has_an_alt_every_input_a_label_and_headings_go_down_one_by_one(
    kind: str, pages: dict[str, Path]
) -> None:
    page = Page(pages[kind].read_text("utf-8"))
    assert all(each.get("alt") for each in page.images)
    assert {each["id"] for each in page.inputs} == page.labelled
    assert page.svgs == page.titled
    assert page.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    if kind in {"photo", "clip"}:
        assert len(page.inputs) == 1
        assert len(page.images) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_anybody_from_using_the_page(kind: str, pages: dict[str, Path]) -> None:
    assert faults(pages[kind].read_text("utf-8")) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_axe_finds_nothing_either(
    kind: str, scheme: str, width: int, pages: dict[str, Path], tmp_path: Path
) -> None:
    page = pages[kind].read_text("utf-8")
    assert axe_violations(page, tmp_path, scheme=scheme, width=width) == []


def test_a_name_is_text_and_nothing_else(pages: dict[str, Path]) -> None:
    page = Page(pages["error"].read_text("utf-8"))
    assert page.images == []


def test_the_report_says_what_it_stands_on(pages: dict[str, Path]) -> None:
    text = pages["photo"].read_text("utf-8")
    for said in ("Of 20 pictures of real faces", "p = (", "sha256 of the weights", "b" * 64,
                 "not proof", "which need not be what was changed", "Face 2 of 2"):  # fmt: skip
        assert said in text


def test_the_index_lists_every_file_from_the_most_suspicious_and_so_does_the_table(
    pages: dict[str, Path],
) -> None:
    text = pages["index"].read_text("utf-8")
    summary = (pages["index"].parent / "summary.csv").read_text("utf-8")
    rows = list(csv.DictReader(summary.splitlines()))
    order = ["MANIPULATED", "UNDETERMINED", "AUTHENTIC", "NO FACE"]
    assert [row["verdict"] for row in rows] == sorted((r["verdict"] for r in rows), key=order.index)
    assert rows[-1]["verdict"] == "NO FACE"
    places = [text.index(f'href="{html.escape(row["report"])}"') for row in rows]
    assert places == sorted(places)
    assert {row["report"] for row in rows} == {
        path.name for kind, path in pages.items() if kind != "index"
    }


# --- in a browser -----------------------------------------------------------------------------


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_opens_from_disk_and_its_console_stays_silent(
    kind: str, pages: dict[str, Path], tmp_path: Path
) -> None:
    done = chromium(tmp_path, "--dump-dom", f"file://{pages[kind]}")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    dom = done.stdout
    assert dom.count('class="blend" hidden') == 0  # the script ran and shows every slider
    assert dom.count('class="blend"') == (kind in {"photo", "clip"})


@pytest.mark.slow
@needs_chromium
def test_the_keyboard_reaches_the_slider_which_fades_all_colours_and_no_photograph(
    pages: dict[str, Path], tmp_path: Path
) -> None:
    then = (
        "const sliders = [...document.querySelectorAll('.blend input')];"
        "sliders[0].focus();"
        "const reached = document.activeElement === sliders[0] && sliders[0].tabIndex === 0;"
        "sliders[0].value = 40; sliders[0].dispatchEvent(new Event('input'));"
        "const seen = (each) => getComputedStyle(each).opacity;"
        "const faded = [...document.querySelectorAll('.over')].map(seen);"
        "const photos = [...document.querySelectorAll('.stage img:first-child')].map(seen);"
        "document.title = JSON.stringify([reached, faded, photos]);"
    )
    dom = dom_after(then, pages["photo"].read_text("utf-8"), tmp_path)
    assert '<title>[true,["0.4","0.4"],["1"]]' in dom  # two faces, one photograph


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_picture_verdict_and_slider_are_above_the_fold_and_nothing_is_off_the_screen(
    width: int, pages: dict[str, Path], tmp_path: Path
) -> None:
    then = (
        "const low = (name) => document.querySelector(name).getBoundingClientRect().bottom;"
        "const bottoms = ['.picture img', '.word', '.sentence', '.blend'].map(low);"
        "document.querySelectorAll('details').forEach((each) => { each.open = true; });"
        "const wide = document.documentElement.scrollWidth <= innerWidth;"
        "document.title = JSON.stringify([Math.max(...bottoms) < 900, wide]);"
    )
    dom = dom_after(then, pages["photo"].read_text("utf-8"), tmp_path, f"--window-size={width},900")
    assert "<title>[true,true]" in dom


@pytest.mark.slow
@needs_chromium
def test_a_narrow_screen_shows_every_column_of_the_scores_and_a_shade_where_more_is_hidden(
    pages: dict[str, Path], tmp_path: Path
) -> None:
    then = (
        "document.querySelectorAll('details').forEach((each) => { each.open = true; });"
        "const box = document.querySelector('#scores .scroll');"
        "const image = getComputedStyle(box).backgroundImage.split('linear-gradient').length - 1;"
        "box.style.width = '380px';"  # of 420: Chromium's own windows are 500 wide or wider
        "document.title = JSON.stringify([box.scrollWidth <= 380, image]);"
    )
    dom = dom_after(then, pages["photo"].read_text("utf-8"), tmp_path, "--window-size=420,900")
    assert "<title>[true,4]" in dom


@pytest.mark.slow
@needs_chromium
def test_the_index_is_filtered_by_verdict_and_name_and_sorted_by_a_heading(
    pages: dict[str, Path], tmp_path: Path
) -> None:
    then = (
        "const rows = () => [...document.querySelectorAll('#files tbody tr')];"
        "const shown = () => rows().filter((row) => !row.hidden).length;"
        "const all = shown();"
        "const box = document.querySelector('input[value=\"NO FACE\"]');"
        "box.checked = false; box.dispatchEvent(new Event('change'));"
        "const read = shown();"
        "const name = document.getElementById('name');"
        "name.value = 'CLIP'; name.dispatchEvent(new Event('input'));"
        "const named = shown();"
        "document.querySelectorAll('#files thead button')[2].click();"
        "const scores = rows().map((row) => Number(row.cells[3].dataset.value));"
        "const sorted = scores.every((each, at) => at === 0 || scores[at - 1] <= each);"
        "document.title = JSON.stringify([all, read, named, sorted]);"
    )
    dom = dom_after(then, pages["index"].read_text("utf-8"), tmp_path)
    assert "<title>[3,2,1,true]" in dom


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("scheme", "bright"), [("1", True), ("0", False)])
def test_the_page_follows_the_reader_s_light_or_dark(
    pages: dict[str, Path], tmp_path: Path, scheme: str, bright: bool
) -> None:
    import cv2

    shot = tmp_path / "shot.png"
    look = (f"--blink-settings=preferredColorScheme={scheme}", "--window-size=400,900")
    chromium(tmp_path, *look, f"--screenshot={shot}", f"file://{pages['error']}")
    image = cv2.imread(str(shot))
    assert (float(image.mean()) > 200) is bright
    assert image.std() > 5


@pytest.mark.slow
@needs_chromium
def test_the_page_prints(pages: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    chromium(tmp_path, f"--print-to-pdf={file}", f"file://{pages['clip']}")
    assert file.read_bytes().startswith(b"%PDF")
