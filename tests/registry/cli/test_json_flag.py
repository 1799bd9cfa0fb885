"""`--json`: standard output is one JSON document, whatever else a command has to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.cli import main

EVAL = ["eval", "--detector", "random", "--draws", "0", "--frames", "1", "--quiet"]


def printed(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main(list(args)) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_eval_report_and_leaderboard_print_what_they_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    found = printed(capsys, *EVAL, "--out", str(out), "--json")
    assert found == json.loads((out / "results.json").read_text())
    again = printed(capsys, "report", str(out), "--json")
    assert [each["measurements"] for each in again] == [found["measurements"]]
    both = printed(capsys, "report", str(out), "--json", "--profile", "both")
    assert [each["settings"]["profile"] for each in both] == ["strict", "deepfakebench"]
    board = printed(capsys, "leaderboard", str(out), "--json", "--out", str(tmp_path / "board"))
    mine = next(each for each in board if each["kind"] == "measured")
    wanted = ("auc", "video", "all")
    auc = next(
        each["value"]
        for each in found["measurements"]
        if (each["metric"], each["level"], each["method"]) == wanted
    )
    assert mine["cells"]["toy"]["auc"] == auc
    assert (tmp_path / "board" / "leaderboard.html").is_file()


@pytest.mark.slow
def test_a_report_that_differs_is_told_beside_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main([*EVAL, "--out", str(out)]) == 0
    stored = json.loads((out / "results.json").read_text())
    stored["measurements"][0]["value"] = 0.999
    (out / "results.json").write_text(json.dumps(stored))
    capsys.readouterr()
    assert main(["report", str(out), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["measurements"][0]["value"] != 0.999
    assert "results.json differs" in told.err


@pytest.mark.slow
def test_damaged_data_gives_its_table_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = printed(
        capsys, *EVAL, "--corrupt", "jpeg:1,jpeg:5", "--out", str(tmp_path / "run"), "--json"
    )
    assert [each["condition"] for each in rows] == ["clean", "jpeg:1", "jpeg:5"]


def test_a_folder_after_it_is_told_where_it_belongs_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["eval", "--json", "/data/json"]) == 2
    assert "a folder of indices is --json-dir" in capsys.readouterr().err
