"""The table and the page of `bench eval --corrupt`: what they say of part scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.results.figure import CountedFigure
from registry.results.robustness import CLEAN, Dose
from registry.results.robustness_report import print_robustness, write_robustness
from registry.tasks.corrupted import Corrupted
from tests.shared.synthetic_run import drawn_rows, run_folder

LINE = "the part scores of lesb do not show where a face was changed"


def corrupted(folder: Path, right_part: float | None) -> Corrupted:
    clean = run_folder(folder, drawn_rows("A"), draws=0)
    audited = replace(clean, provenance=replace(clean.provenance, audit={"line": LINE}))
    some = CountedFigure(value=0.7, count=4)
    figures = {"auc": some, "false_alarms": some, "right_part": CountedFigure(value=right_part)}
    row = Dose(condition=CLEAN, dose="", dataset="A", figures=figures)
    return Corrupted(rows=(row,), clean=audited, folder=folder)


def test_how_often_the_right_part_comes_first_is_read_with_the_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = corrupted(tmp_path, 0.35)
    print_robustness(found.rows, found.about)
    assert capsys.readouterr().out.endswith(f"Right part first: {LINE}.\n")
    page = write_robustness(found.rows, found.folder, found.about)
    assert f"<p>Right part first: {LINE}.</p>" in page.read_text("utf-8")


def test_without_part_scores_nothing_is_said_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = corrupted(tmp_path, None)
    print_robustness(found.rows, found.about)
    assert LINE not in capsys.readouterr().out
    assert LINE not in write_robustness(found.rows, found.folder, found.about).read_text("utf-8")
