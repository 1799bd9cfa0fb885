"""report.html: one valid, self-contained, accessible page that says what the result says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from registry.builtin.metrics import accuracy, false_alarms
from registry.builtin.reports.charts import MAX_CURVES, histogram, roc
from registry.builtin.reports.html import REPORT, write_html
from registry.errors import DataError
from registry.html.markup import Markup, joined, tag
from registry.results.method_groups import MethodGroup
from registry.results.predictions import PREDICTIONS
from registry.results.provenance import Provenance
from registry.results.result import Result
from tests.shared.synthetic_run import drawn_rows, failed, row, run_folder

VOID = {"meta", "br", "hr", "input"}
NASTY = '<script>alert("x")</script>&amp;\'"'


class Page(HTMLParser):
    """Elements, text and attributes of a page; a tag that is not closed in order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, {key: value or "" for key, value in attributes}))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == name]


def page(folder: Path, result: Result) -> tuple[str, Page]:
    path = write_html(result, folder)
    assert path == folder / REPORT
    text = path.read_text("utf-8")
    return text, Page(text.replace("<wbr>", ""))  # where a name may break


@pytest.fixture
def result(tmp_path: Path) -> Result:
    rows = drawn_rows("first") + drawn_rows("second", people=5, frames=1, seed=1)
    return run_folder(tmp_path, rows, notes=("The backbone never saw a forgery.",))


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(
    tmp_path: Path, result: Result
) -> None:
    text, parsed = page(tmp_path, result)
    assert text.startswith("<!doctype html>")
    names = Counter(name for name, _ in parsed.elements)
    assert not names.keys() & {"link", "img", "iframe", "object"}
    assert names["script"] == 1  # its own, which the page names by its hash
    assert names["main"] == names["h1"] == names["title"] - 4 == 1  # two figures a data set
    for _, attributes in parsed.elements:
        assert "src" not in attributes
        assert not any(key.startswith("on") for key in attributes)
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    (policy,) = (each["content"] for each in parsed.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'")


def test_tables_figures_and_links_are_accessible(tmp_path: Path, result: Result) -> None:
    _, parsed = page(tmp_path, result)
    assert parsed.all("html") == [{"lang": "en"}]
    names = [name for name, _ in parsed.elements]
    assert names.count("caption") == names.count("table") > 3
    assert all(each.get("scope") in {"col", "row"} for each in parsed.all("th"))
    ids = Counter(attributes["id"] for _, attributes in parsed.elements if "id" in attributes)
    assert max(ids.values()) == 1
    for each in parsed.all("svg"):
        named = each.get("aria-label") or each.get("aria-labelledby") in ids
        assert each.get("aria-hidden") == "true" or named
    for each in parsed.all("a"):
        assert each["href"].removeprefix("#") in ids
    for _, attributes in parsed.elements:
        if "fill" in attributes:
            assert attributes["fill"][5:-1] in ids  # url(#id)


def test_the_page_holds_every_value_note_count_and_origin(tmp_path: Path, result: Result) -> None:
    _, parsed = page(tmp_path, result)
    text = "|".join(parsed.text)
    for each in result.select(level="video"):
        if each.value is not None:
            assert f"{each.value:.3f}" in text
        if each.low is not None and each.high is not None:
            assert f"{each.low:.3f} to {each.high:.3f}" in text
    for expected in (
        "lesb on some_net",
        "The backbone never saw a forgery.",
        "no face found",
        "ab" * 32,
        "cd" * 32,
        "ef" * 32,
        "FaceForensics++ (forgery)",
        "drawn: cross-dataset",
        "sbi, 256 px, margin 10.0%",
        '"fusion": "mean"',
        "torch ",
        "60",
    ):
        assert expected in text


def test_the_origin_of_the_numbers_is_one_line_until_it_is_opened(
    tmp_path: Path, result: Result
) -> None:
    text, _ = page(tmp_path, result)
    closed = re.search(r'<section id="origin">(.*?)</summary>(.*?)</section>', text, re.S)
    assert closed is not None
    before, folded = closed.groups()
    line = f"lesb on some_net, weights {'ab' * 6}, artefact {'cd' * 6}, data {'ef' * 6}, bench "
    assert before.startswith(f"<h2>Provenance</h2><details><summary>{line}")
    assert folded.endswith("</details>")  # everything else is inside
    assert "ab" * 32 in folded
    assert "Resolved configuration" in folded


def test_groups_are_rows_apart_with_a_table_of_their_methods(tmp_path: Path) -> None:
    groups = (MethodGroup(name="both", patterns=("swap", "warp")),)
    result = run_folder(tmp_path, groups=groups)
    _, parsed = page(tmp_path, result)
    rows = Counter(each.get("class") for each in parsed.all("tr"))
    levels_and_counts = 2 * len(result.variants) + 2  # and the table of methods and variants
    assert rows["pool"] == levels_and_counts
    assert rows["part"] == 2 * levels_and_counts
    assert parsed.text.count("group both") == levels_and_counts
    assert "swap, warp" in parsed.text
    (auc,) = result.select(method="both", level="video", metric="auc", variant="lesb")
    assert auc.value is not None
    assert f"{auc.value:.3f}" in parsed.text
    text, parsed = page(tmp_path, run_folder(tmp_path))
    assert 'class="pool"' not in text
    assert not any(each.startswith("Groups: ") for each in parsed.text)


def test_whatever_a_name_holds_is_escaped(tmp_path: Path) -> None:
    rows = [each | {"method": NASTY if each["label"] else ""} for each in drawn_rows(NASTY)]
    rows += [failed(NASTY, dataset=NASTY, video=NASTY, **_blank(rows[0]))]
    result = run_folder(tmp_path, rows, notes=(NASTY,))
    provenance = replace(result.provenance, config={NASTY: NASTY}, git=NASTY, artefact=NASTY)
    text, parsed = page(tmp_path, replace(result, provenance=provenance))
    assert len(parsed.all("script")) == text.count("<script") == 1  # the page's own
    assert parsed.text.count(NASTY) > 5


def _blank(given: dict[str, object]) -> dict[str, None]:
    return {name: None for name in given if name.startswith(("fake_", "p_"))}


def test_frames_are_shown_apart_only_where_videos_have_several(
    tmp_path: Path, result: Result
) -> None:
    _, parsed = page(tmp_path, result)
    assert "Per frame" in parsed.text
    images = run_folder(tmp_path, drawn_rows(frames=1))
    _, parsed = page(tmp_path, images)
    assert "Per frame" not in parsed.text
    assert any("every video here is a single frame" in text.lower() for text in parsed.text)


def test_a_single_class_is_shown_with_its_reason_and_without_a_curve(tmp_path: Path) -> None:
    _, parsed = page(tmp_path, run_folder(tmp_path, [row(video=str(n)) for n in range(3)]))
    assert "No ROC curve: it needs both reals and fakes." in parsed.text
    assert any("no value, a single class: 3 real, no fake" in text for text in parsed.text)
    assert {each["title"] for each in parsed.all("abbr")} >= {"a single class: 3 real, no fake"}


def test_a_run_without_any_score_still_has_a_report(tmp_path: Path) -> None:
    rows = [failed("unreadable", video=str(n)) for n in range(3)]
    _, parsed = page(tmp_path, run_folder(tmp_path, rows))
    assert "No video has a score." in parsed.text
    assert "unreadable" in parsed.text


def test_without_errors_the_page_says_so(tmp_path: Path) -> None:
    rows = [row(video=str(n), label=n % 2, fake=n / 10) for n in range(6)]
    _, parsed = page(tmp_path, run_folder(tmp_path, rows))
    assert "No errors: every frame was read and has a face with a score." in parsed.text


def test_without_predictions_beside_it_the_page_has_tables_but_no_curves(
    tmp_path: Path, result: Result
) -> None:
    (tmp_path / PREDICTIONS).unlink()
    _, parsed = page(tmp_path, result)
    assert not parsed.all("figure")
    assert parsed.all("table")


def test_what_is_not_known_is_said_to_be_not_recorded(tmp_path: Path, result: Result) -> None:
    _, parsed = page(tmp_path, replace(result, provenance=Provenance()))
    assert parsed.text.count("not recorded") >= 8
    assert "none" in parsed.text


def test_more_variants_than_can_be_told_apart_are_listed_instead_of_drawn(tmp_path: Path) -> None:
    rows = [
        row(video=str(n), label=n % 2, fake=n / 10, **{f"fake_v{k}": n / 10 for k in range(9)})
        for n in range(6)
    ]
    _, parsed = page(tmp_path, run_folder(tmp_path, rows))
    assert len([each for each in parsed.all("path") if "series" in each["class"]]) == MAX_CURVES
    assert "Not drawn: v5, v6, v7, v8." in parsed.text


def test_an_unwritable_folder_is_a_data_error(tmp_path: Path, result: Result) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        write_html(result, tmp_path / "file")


# --- figures -------------------------------------------------------------------------------------


def test_the_drawn_curve_encloses_the_area_under_the_roc_curve() -> None:
    rng = np.random.default_rng(0)
    for digits in (1, 6):
        labels = rng.integers(0, 2, 500)
        scores = np.round(rng.normal(labels, 1), digits)
        drawn = Page(roc(labels, {"only": scores}, title="curve", name="c"))
        (path,) = (each["d"] for each in drawn.all("path") if "series-0" in each["class"])
        points = np.array([tuple(map(float, p.split(","))) for p in path[1:].split("L")])
        x, y = (points[:, 0] - 48) / 300, (312 - points[:, 1]) / 300
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(labels, scores), abs=2e-3)


def test_bars_stand_for_the_share_of_each_class() -> None:
    labels = np.array([0] * 4 + [1] * 2)
    scores = np.array([0.11, 0.12, 0.13, 0.61, 0.91, 1.0])
    drawn = Page(histogram(labels, scores, title="scores", name="h"))
    bars = [each for each in drawn.all("rect") if each["class"] in {"real-bar", "fake-bar"}]
    heights = {
        (each["class"], round((float(each["x"]) - 48) / 15)): float(each["height"]) for each in bars
    }
    # The tallest bar, 3 of 4 reals, is 110 high.
    assert heights[("real-bar", 2)] == 110
    assert heights[("real-bar", 12)] == pytest.approx(110 / 3, abs=0.01)
    assert heights[("fake-bar", 18)] == pytest.approx(110 * 0.5 / 0.75, abs=0.01)
    assert heights[("fake-bar", 19)] == heights[("fake-bar", 18)]
    assert len(heights) == 4


def test_the_words_at_the_threshold_agree_with_accuracy_and_false_alarms() -> None:
    labels, scores = np.array([0]), np.array([0.5])
    # A real at 0.5 is called fake by accuracy, and is no false alarm.
    assert (accuracy(labels, scores), false_alarms(labels, scores)) == (0, 0)
    drawn = histogram(labels, scores, title="scores", name="h")
    assert "score (accuracy: 0.5 or more is fake)" in drawn


def test_elements_escape_text_and_attributes_and_keep_markup() -> None:
    made = tag("a", "<&>", Markup("<b></b>"), href='"', class_="x", hidden=True, title=None, n=0.5)
    assert made == '<a href="&quot;" class="x" hidden n="0.5">&lt;&amp;&gt;<b></b></a>'
    assert tag("br") == "<br>"
    assert joined("<", Markup("<")) == "&lt;<"


# --- colours -------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_have_the_contrast_of_wcag_aa(scheme: str) -> None:
    css = resources.files("registry.html").joinpath("page.css").read_text("utf-8")
    light, dark = css.split("prefers-color-scheme: dark")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    for ground in ("page", "panel"):
        for text in ("text", "soft", "accent"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["text"], colours["note"]) >= 4.5
    for number in range(MAX_CURVES):
        assert contrast(colours[f"series-{number}"], colours["page"]) >= 3, number


def test_without_draws_the_page_says_once_that_no_intervals_were_asked_for(tmp_path: Path) -> None:
    text, parsed = page(tmp_path, run_folder(tmp_path, draws=0))
    said = " ".join(parsed.text)
    assert said.count("No intervals were requested.") == 1
    assert "95 % interval" not in said
    assert "no bootstrap draws" not in text
