"""`bench eval` and `bench report` on a real run of the toy data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from registry.cli import main

FILES = {"results.json", "predictions.parquet", "config.yaml", "report.html"}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that `bench eval` has left."""
    out = tmp_path_factory.mktemp("runs") / "toy"
    arguments = ["eval", "--detector", "random", "--dataset", "toy", "--out", str(out)]
    assert main([*arguments, "--draws", "50", "--metrics", "auc", "--quiet"]) == 0
    return out


@pytest.fixture
def run(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of the run folder, to be spoilt."""
    return Path(shutil.copytree(evaluated, tmp_path / "run"))


def change_a_number(run: Path) -> None:
    path = run / "results.json"
    record = json.loads(path.read_text("utf-8"))
    record["measurements"][0]["value"] = 0.999
    path.write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.slow
def test_eval_leaves_a_complete_run_folder(evaluated: Path) -> None:
    assert {path.name for path in evaluated.iterdir()} >= FILES


@pytest.mark.slow
def test_report_computes_the_same_numbers_from_the_predictions(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run)]) == 0
    out = capsys.readouterr().out
    assert "toy" in out
    assert "results.json agrees exactly with predictions.parquet" in out


def test_groups_are_printed_and_computed_again_from_the_predictions(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["eval", "--config", str(run / "config.yaml"), "--out", str(run)]
    assert main([*again, "--group", "first=swap*", "--group", "first=warp*"]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [each for each in printed if each.startswith("  group first (")]
    assert rows
    assert main(["report", str(run), "--write"]) == 0
    capsys.readouterr()
    assert main(["report", str(run)]) == 0
    out = capsys.readouterr().out
    assert set(rows) <= set(out.splitlines())
    assert "results.json agrees exactly" in out
    assert main([*again, "--group", "second=wrap"]) == 2
    assert "--group second: no method matches 'wrap'" in capsys.readouterr().err


def test_report_needs_nothing_but_the_predictions(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run)]) == 0
    whole = capsys.readouterr().out.splitlines()
    for name in FILES - {"predictions.parquet"}:
        (run / name).unlink()
    assert main(["report", str(run / "predictions.parquet")]) == 0
    alone = capsys.readouterr().out.splitlines()
    table = [line for line in whole if line.startswith(("toy", "  swap", "  warp"))]
    assert len(table) > 1
    assert set(table) <= set(alone)


def test_report_names_every_number_that_differs(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_a_number(run)
    assert main(["report", str(run)]) == 1
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "differs" in each]
    assert "value 0.999" in line


def test_report_write_puts_results_and_reports_right(run: Path) -> None:
    change_a_number(run)
    (run / "report.html").unlink()
    assert main(["report", str(run), "--write"]) == 0
    assert (run / "report.html").is_file()
    assert main(["report", str(run)]) == 0


def test_report_of_damaged_results_says_so(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "results.json").write_text("{")
    assert main(["report", str(run)]) == 1
    assert "is not a result of `bench eval`" in capsys.readouterr().out


def test_report_of_no_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, why in {
        tmp_path / "gone": f"no such file or folder: {tmp_path / 'gone'}; name the run folder",
        tmp_path: f"{tmp_path} is not a run folder of `bench eval`: it holds nothing",
    }.items():
        assert main(["report", str(folder)]) == 2
        assert why in capsys.readouterr().err
    (tmp_path / "notes.txt").touch()
    assert main(["report", str(tmp_path)]) == 2
    assert "it holds notes.txt; name the folder" in capsys.readouterr().err
    (tmp_path / "chunks").mkdir()
    assert main(["report", str(tmp_path)]) == 2
    assert "that has not finished; run the same `bench eval` again" in capsys.readouterr().err
