"""Verdicts on a data set of real faces: shares of the whole command against counts by hand."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.cli import main
from registry.results.predictions import read_predictions
from tests.shared.calibrated_grey import installed

FLAT, SOFT, SHARP = 0, 9, 40  # levels between the squares of a chequered face and their mean
Drawn = list[tuple[int, float]]

# The 60 soft references score 0.30 to 0.89: MANIPULATED, so (1 + n) / 61 <= 0.05, leaves at most
# two of them as high, as above 0.87. The 60 sharp ones score 0.01 to 0.60: as above 0.58.
ONE: Drawn = [
    (SOFT, 0.95),  # above 0.5 and MANIPULATED
    (SOFT, 0.80),  # above 0.5
    (SOFT, 0.20),
    (SHARP, 0.70),  # above 0.5 and MANIPULATED; lower than ten soft references
    (SHARP, 0.75),  # above 0.5 and MANIPULATED
    (SHARP, 0.30),
    (FLAT, 0.90),  # above 0.5, and like no reference
    (FLAT, 0.10),  # like no reference
]
TWO: Drawn = [(SOFT, 0.86), (SOFT, 0.88), (SHARP, 0.59), (SHARP, 0.20)]
FAKES: Drawn = [(SHARP, 0.84), (SHARP, 0.64)]


def _write(folder: Path, drawn: Drawn, label: int) -> str:
    folder.mkdir()
    lines = ["path,label"]
    squares = np.indices((64, 64)).sum(axis=0) // 4 % 2 * 2 - 1  # -1 and 1, in squares of 4
    for at, (contrast, level) in enumerate(drawn):
        pixels = np.rint(255 * level) + contrast * squares
        image = np.repeat(pixels[..., None], 3, axis=2).astype(np.uint8)
        cv2.imwrite(str(folder / f"{at}.png"), image)
        lines.append(f"{at}.png,{label}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return str(folder)


@pytest.fixture
def evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[Path, str]]:
    """The run folder of `bench eval` on two data sets of reals and one of fakes, and its output."""
    sets = [
        _write(tmp_path / name, drawn, label)
        for name, drawn, label in (("one", ONE, 0), ("two", TWO, 0), ("forged", FAKES, 1))
    ]
    line = ["eval", "--detector", "calibrated_grey", "--crop-from", "frame", "--draws", "20"]
    for each in sets:
        line += ["--dataset", each]
    with installed(tmp_path / "site", monkeypatch):
        assert main([*line, "--quiet", "--out", str(tmp_path / "run")]) == 0
        yield tmp_path / "run", capsys.readouterr().out


def _shares(text: str) -> str:
    """Return the text without intervals, which are measured elsewhere."""
    return re.sub(r" \[[\d.]+ [\d.]+\]", "", text)


def test_the_drawn_faces_are_of_the_qualities_meant(evaluated: tuple[Path, str]) -> None:
    table = read_predictions(evaluated[0])[0].to_pylist()
    one = [row["sharpness"] for row in table if row["dataset"] == "one"]
    assert all(2 < value < 90 for value in one[:3])
    assert all(110 < value < 90_000 for value in one[3:6])
    assert max(one[6:]) < 1


def test_shares_of_reals_are_those_counted_by_hand(evaluated: tuple[Path, str]) -> None:
    folder, printed = evaluated
    record = json.loads((folder / "results.json").read_text())
    found = {
        each["dataset"]: [
            each[key]["value"] for key in ("above_half", "manipulated", "incomparable")
        ]
        for each in record["sources"]
    }
    assert found == {"one": [5 / 8, 3 / 8, 2 / 8], "two": [3 / 4, 2 / 4, 0.0]}
    lines = _shares(printed)
    assert (
        "reals of one: 0.625 above 0.5, 0.375 called MANIPULATED, 0.250 unlike any reference"
        " real face\n"
    ) in lines
    assert "reals of two: 0.750 above 0.5, 0.500 called MANIPULATED\n" in lines


def test_each_p_is_that_of_the_references_of_its_own_quality(evaluated: tuple[Path, str]) -> None:
    table = read_predictions(evaluated[0])[0].to_pylist()
    p = [row["conformal"] for row in table if row["dataset"] == "one"]
    higher = [0, 10, 60, 0, 0, 31]  # references of the same quality that score as high
    assert p[:6] == [pytest.approx((1 + count) / 61) for count in higher]
    assert p[6:] == [None, None]


def test_the_page_has_false_alarms_by_source_and_cross_auc(evaluated: tuple[Path, str]) -> None:
    """Of 16 pairs of a fake and a real of `one` 9 are in order, of the 8 with `two` 4."""
    folder, printed = evaluated
    page = html.unescape((folder / "report.html").read_text("utf-8"))
    tables = {
        re.search(r"<caption>(.*?)</caption>", table)[1]: _cells(table)
        for table in re.findall(r"<table>.*?</table>", page, re.S)
        if "<caption>" in table
    }
    assert tables["False alarms by source"] == [
        ["one", "8", "0.625", "0.375", "0.250"],
        ["two", "4", "0.750", "0.500", "0.000"],
    ]
    (cross,) = (rows for title, rows in tables.items() if title.startswith("Cross-AUC"))
    assert cross == [["one", "0.562"], ["two", "0.500"]]
    assert "Cross-AUC, reals of one against fakes of forged: 0.562\n" in _shares(printed)
    assert "Cross-AUC, reals of two against fakes of forged: 0.500\n" in _shares(printed)


def _cells(table: str) -> list[list[str]]:
    body = table.partition("<tbody>")[2]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    return [[_shares(re.sub("<[^>]+>", "", cell)) for cell in row] for row in cells]
