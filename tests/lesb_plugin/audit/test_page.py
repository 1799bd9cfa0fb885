"""The page of an audit in a browser: four groups, and nothing off the screen."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lesb_plugin.audit.measures.controls import ORACLE, OWN, TRUE_LABELS
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.page import audit_page
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most
from tests.shared.chromium import dom_after, needs_chromium
from tests.shared.page_checks import axe_violations, faults

# As many as an audit of a detector with parts has, under names as long as theirs.
CONTROLS = (
    ORACLE, "noise", "constant part", "part nearest the centre", "largest part", OWN, TRUE_LABELS,
    "random subspaces",
)  # fmt: skip


def row(key: str, title: str, value: float, aim: Aim, controls: bool = True) -> Row:
    others = {
        name: Figure(0.1 + at / 100, 0.05, 0.2 + at / 100) for at, name in enumerate(CONTROLS)
    }
    figure = Figure(value, value - 0.05, value + 0.05)
    given = others if controls else {}
    return Row(key=key, title=title, n=12_345, figure=figure, aim=aim, controls=given)


ROWS = (
    row("right_part", "right part first, recall over all of the changed parts", 0.62,
        Aim("interval above constant part", above="constant part")),
    row("auc_matrix", "own part's AUC above that of the other parts, mean", 0.12, at_least(0.5)),
    row("restore", "restoring the named part lowers the score more", 0.77, at_least(0.5)),
    row("stability", "the same first part after JPEG, blur and noise", 0.83, at_least(0.8)),
    row("cost", "time of an explanation over that of a score", 1.04, at_most(1.05), controls=False),
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    config = {"detector": "lesb_roi", "backbone": "sbi_efflite0", "explainer": "part_heads"}
    config |= {"make_edits": False, "dataset": ("manipulated", "forged_c23"), "split": "test"}
    found = SimpleNamespace(
        names=("eyes", "nose", "mouth"),
        real=np.array([True, True, False, False]),
        faces=[],
        alone=[(10, 5)] * 3,
        reading=SimpleNamespace(maps=None),
    )
    audit: Any = SimpleNamespace(
        config=SimpleNamespace(**config),
        rows=ROWS,
        called_out=("right part first: the largest part scores as well",),
        notes=("Of few faces.",),
        summary="The explanation tells where a face was changed.",
        found=found,
        z=None,
        matrix=np.full((3, 3), 0.5),
        record={"version": "0"},
        to_json=dict,
    )
    return audit_page(audit)


def test_the_page_counts_aims_and_reads_the_matrix(page: str) -> None:
    assert "4 of 5 aims are met." in page
    assert "The score of eyes, nose and mouth responds to other parts as much" in page


def test_nothing_keeps_anybody_from_using_the_page(page: str) -> None:
    assert faults(page) == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_axe_finds_nothing_either(page: str, scheme: str, width: int, tmp_path: Path) -> None:
    assert axe_violations(page, tmp_path, scheme=scheme, width=width) == []


# What is wider than the screen, of tables with everything unfolded, and of the page.
_WIDER = """
document.querySelectorAll("details").forEach((each) => { each.open = true; });
const wide = [...document.querySelectorAll(".scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.ariaLabel);
const page = document.documentElement;
document.title = JSON.stringify([wide, page.scrollWidth > page.clientWidth]);
"""


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scrolling"), [(1280, []), (500, None)])
def test_no_column_is_off_the_screen_and_a_small_one_scrolls_its_tables_alone(
    page: str, width: int, scrolling: list[str] | None, tmp_path: Path
) -> None:
    dom = dom_after(_WIDER, page, tmp_path, f"--window-size={width},1200")
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    if scrolling is None:
        assert title[1].endswith(",false]")
    else:
        assert title[1] == "[[],false]"
