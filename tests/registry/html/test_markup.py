"""Names in narrow columns break between their words, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lesb_plugin.explain.report_index import IndexEntry, write_index
from registry.builtin.reports.html import write_html
from registry.html.markup import breakable
from registry.results.file_scores import Prediction
from tests.shared.chromium import dom_after, needs_chromium
from tests.shared.synthetic_run import drawn_rows, run_folder

LONG = "FaceForensics++_deepfakesdetection-c23_2024/original.test"
# Text nodes that are one word, and no checksum, lie on one line: each has a single rectangle.
_BROKEN = r"""
const broken = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const range = document.createRange();
  range.selectNodeContents(walk.currentNode);
  const word = walk.currentNode.data;
  if (/^\w{2,30}[/.-]?$/.test(word) && range.getClientRects().length > 1) broken.push(word);
}
document.title = JSON.stringify([broken, document.documentElement.scrollWidth <= innerWidth]);
"""


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("swap_high_quality", ["swap_", "high_", "quality"]),
        ("a/b-c.png", ["a/", "b-", "c.", "png"]),
        ("++_c23", ["++_", "c23"]),
        ("__init__", ["__init__"]),
        ("two words", ["two words"]),
        ("", [""]),
    ],
)
def test_a_name_breaks_after_its_joints(name: str, pieces: list[str]) -> None:
    assert breakable(name).split("<wbr>") == pieces


def test_a_name_is_text_and_nothing_else() -> None:
    assert breakable("<b>_&") == "&lt;b&gt;_&amp;"
    assert breakable("<b>_c") == "&lt;b&gt;_<wbr>c"


def index_page(folder: Path) -> Path:
    entry = IndexEntry(
        prediction=Prediction(path=Path(f"a/{Path(LONG).parent}.jpg"), score=0.5),
        report="a.html",
        thumbnail=np.zeros((90, 120, 3), np.uint8),
    )
    return write_index(folder, [entry])


def report_page(folder: Path) -> Path:
    return write_html(run_folder(folder, drawn_rows(LONG), draws=0), folder)


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("write", [index_page, report_page])
def test_no_word_is_broken_on_a_narrow_screen(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    page = write(tmp_path).read_text("utf-8")
    assert "_<wbr>deepfakesdetection-<wbr>c23_<wbr>2024" in page
    # Chromium's own windows are 500 wide or wider: what is for narrow screens is for all here
    narrow = re.sub(r"@media \(max-width: \d+rem\)", "@media screen", page)
    narrow = narrow.replace("</style>", "html { max-width: 420px; }</style>", 1)
    dom = dom_after(_BROKEN, narrow, tmp_path)
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1] == "[[],true]"
