"""The host's pages for everybody, and whether the checks would notice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.builtin.leaderboard.entries import BoardEntry, Cell
from registry.builtin.leaderboard.page import page as leaderboard
from registry.builtin.reports.html import write_html
from registry.results.figure import CountedFigure
from registry.results.robustness import CLEAN, FIGURES, Dose
from registry.results.robustness_report import write_robustness
from tests.shared.page_checks import axe_violations, contrast, faults, unfolded
from tests.shared.synthetic_run import drawn_rows, run_folder

KINDS = ("report", "leaderboard", "robustness")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    rows = drawn_rows("first") + drawn_rows("second", people=5, frames=2, seed=1)
    result = run_folder(folder, rows, notes=("The backbone never saw a forgery.",))
    entries = [
        BoardEntry(
            kind=kind,  # type: ignore[arg-type]
            name=name,
            cells={"A": Cell(auc=0.9), "B": Cell(auc=0.5)},
            level="video",
            protocol="p",
            source="s",
            checkpoint_selection=selection,
        )
        for kind, name, selection in (("measured", "alpha", "test"), ("reported", "beta", "val"))
    ]
    report = write_html(result, folder).read_text("utf-8")
    some = CountedFigure(value=0.7, low=0.6, high=0.8, count=40)
    doses = [
        Dose(condition=name, dose="CRF 30", dataset="A", figures=dict.fromkeys(FIGURES, some))
        for name in (CLEAN, "h264:1", "h264:5", "jpeg:2", "h264:1+jpeg:2")
    ]
    robustness = write_robustness(doses, folder, "Of few faces.").read_text("utf-8")
    return {"report": report, "leaderboard": leaderboard(entries), "robustness": robustness}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_keeps_anybody_from_using_the_page(kind: str, pages: dict[str, str]) -> None:
    assert faults(pages[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_axe_finds_nothing_either(
    kind: str, scheme: str, width: int, pages: dict[str, str], tmp_path: Path
) -> None:
    assert axe_violations(pages[kind], tmp_path, scheme=scheme, width=width) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (' lang="en"', "", "no language"),
        ("<title>", "<title></title><title>", "no title"),
        ("<main>", "<main></main><main>", "2 x main"),
        ("width=device-width", "width=device-width, user-scalable=no", "cannot be enlarged"),
        ("<h2>", '<h4 id="x"></h4><h2>', "headings jump"),
        ("<main>", '<main><p id="x"></p><p id="x"></p>', "there twice"),
        ("<main>", '<main><img src="data:,">', "a picture without words"),
        ("<main>", '<main><input type="range">', "an input without a label"),
        ("<main>", "<main><svg></svg>", "a drawing without words"),
        ("<main>", '<main><table><tr><th scope="col"></th></tr></table>', "an empty th"),
        ("<main>", "<main><table><tr><th>a</th></tr></table>", "a head of nothing"),
        ("<main>", '<main><p tabindex="3"></p>', "jumps the queue"),
        ("<main>", '<main><a href="#nowhere">a</a>', "not there: ['nowhere']"),
        ("<main>", "<main><pre></pre>", "scrolls, but not by keyboard"),
        ("<main>", "<main><nav></nav><nav></nav>", "2 x ('navigation', '')"),
        ("<style>", "<style>a { outline: none; }", "focus is hidden"),
        ("summary:focus-visible, ", "", "focus is not shown on summary"),
        ("--soft: #535c68", "--soft: #a0a8b0", "(light): soft on page has 2.4"),
    ],
)
def test_what_is_wrong_is_found(before: str, after: str, fault: str, pages: dict[str, str]) -> None:
    assert before in pages["report"]
    found = faults(pages["report"].replace(before, after, 1))
    assert any(fault in each for each in found), found


def test_what_is_folded_is_looked_at_too() -> None:
    page = '<details>a</details><details id="b" class="c">b</details><details open>c</details>'
    opened = '<details open>a</details><details open id="b" class="c">b</details>'
    assert unfolded(page) == f"{opened}<details open>c</details>"


def test_contrast_is_that_of_the_published_examples() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # fails AA by a hair
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # the lightest to pass
    assert contrast("#ff0000", "#ffffff") == pytest.approx(3.998, abs=0.005)
    assert np.isclose(contrast("#123456", "#123456"), 1)
