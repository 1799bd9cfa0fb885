"""Cross-AUC from the command line: listed, selectable, and in every file of a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from registry import Result
from registry.cli import main
from registry.results.predictions import read_predictions


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two data sets of noise, with 7 and with 4 reals and fakes."""
    rng = np.random.default_rng(0)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, count in zip(folders, (7, 4), strict=True):
        for kind in ("real", "fake"):
            (folder / kind).mkdir(parents=True)
            for at in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
                cv2.imwrite(str(folder / kind / f"{at}.png"), pixels)
    return folders


def _evaluate(folders: list[Path], out: Path, *more: str) -> None:
    line = ["eval", "--detector", "random", "--crop-from", "frame", "--metrics", "cross_auc"]
    for folder in folders:
        line += ["--dataset", str(folder)]
    assert main([*line, "--draws", "20", "--quiet", "--out", str(out), *more]) == 0


def test_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "metrics", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert "reals of one data set and the fakes of another" in listed["cross_auc"]["summary"]


def test_it_can_be_chosen_and_every_pair_is_a_row(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    _evaluate(two, out, "--reporters", "csv")
    with (out / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["metric"] for row in rows} == {"auc", "cross_auc"}
    table = read_predictions(out)[0].to_pylist()
    pairs = [row for row in rows if row["metric"] == "cross_auc"]
    assert [(row["reals_of"], row["dataset"]) for row in pairs] == [("one", "two"), ("two", "one")]
    for row, (reals, fakes) in zip(pairs, ((7, 4), (4, 7)), strict=True):
        chosen = [
            (each["label"], each["fake"])
            for each in table
            if each["dataset"] == row["dataset" if each["label"] else "reals_of"]
        ]
        expected = roc_auc_score(*zip(*chosen, strict=True))
        assert float(row["value"]) == pytest.approx(expected)
        assert float(row["low"]) <= expected <= float(row["high"])
        assert (int(row["reals"]), int(row["fakes"])) == (reals, fakes)
        assert (row["variant"], row["level"], row["method"]) == ("random", "video", "all")
    assert all(row["reals_of"] == row["dataset"] for row in rows if row["metric"] == "auc")
    record = json.loads((out / "results.json").read_text())["across"]
    stored = {(each["reals_of"], each["fakes_of"]): each["auc"]["value"] for each in record}
    assert stored["one", "two"] == float(pairs[0]["value"])
    frame = Result.load(out).to_frame()
    assert frame[frame.metric == "cross_auc"].reals_of.tolist() == ["one", "two"]


def test_the_tables_have_no_empty_column_for_it(
    two: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _evaluate(two, tmp_path / "run", "--reporters", "html")
    printed = capsys.readouterr().out
    assert "Cross-AUC, reals of one against fakes of two: " in printed
    assert "cross_auc" not in printed
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Cross-AUC: reals of a row against fakes of a column" in page
    assert "cross_auc</th>" not in page


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "No Cross-AUC: it takes the reals of one data set and the fakes of another"),
        (("--profile", "deepfakebench"), "Profile deepfakebench has no Cross-AUC"),
    ],
)
def test_where_there_is_none_it_is_said_why(
    more: tuple[str, ...],
    why: str,
    two: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _evaluate(two[:1], tmp_path / "run", *more)
    assert f"note: {why}" in capsys.readouterr().out
