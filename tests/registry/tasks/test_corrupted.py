"""`bench eval --corrupt`: runs of each condition, beside one without any."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry import ConfigError, evaluate_corrupted
from registry.cli import main
from registry.results.result import Result


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve reals in a folder of face crops, one fake beside each."""
    rng = np.random.default_rng(0)
    for name in ("real", "fake"):
        (tmp_path / "faces" / name).mkdir(parents=True)
        for at in range(12):
            pixels = rng.integers(0, 256, (48, 40, 3)).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "faces" / name / f"{at:02d}.png"), pixels)
    return tmp_path / "faces"


def _run(data: Path, out: Path, *corrupt: str) -> dict[str, object]:
    return {
        "detector": "random",
        "dataset": (str(data),),
        "crop_from": "frame",
        "corrupt": corrupt,
        "draws": 50,
        "quiet": True,
        "reporters": (),
        "out": str(out),
    }


def test_every_condition_is_a_run_beside_the_clean_one(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = evaluate_corrupted(**_run(data, out, "jpeg:2,blur:1+jpeg:2"))
    assert [row.condition for row in found.rows] == ["clean", "jpeg:2", "blur:1+jpeg:2"]
    assert Result.load(out) == found.clean
    own = Result.load(out / "corrupted" / "jpeg-2")
    assert own.provenance.config["corrupt"] == ["jpeg:2"]
    (auc,) = own.select(metric="auc", level="video", method="all", variant="random")
    assert found.rows[1].figures["auc"].value == auc.value
    record = json.loads((out / "corrupted.json").read_text())
    assert [each["condition"] for each in record] == ["clean", "jpeg:2", "blur:1+jpeg:2"]
    with (out / "corrupted.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["auc"]) == auc.value
    assert rows[0]["false_alarms_count"] == "12"


def test_the_command_prints_a_row_for_each_and_writes_a_page(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["eval", "--detector", "random", "--dataset", str(data), "--crop-from", "frame"]
    line += ["--draws", "20", "--quiet", "--out", str(tmp_path / "run"), "--corrupt", "noise"]
    assert main(line) == 0
    printed = capsys.readouterr().out
    assert all(f"noise:{severity}" in printed for severity in range(1, 6))
    page = (tmp_path / "run" / "corrupted.html").read_text("utf-8")
    assert page.count('class="curve"') == 2  # AUC and false alarms; there are no parts
    assert "sigma (levels) 20" in page


def test_a_condition_that_is_none_is_told_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["eval", "--dataset", str(tmp_path / "missing"), "--corrupt", "h265:9"]
    assert main(line) == 2
    assert "severity of 1 to 5" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no corruption is named"):
        evaluate_corrupted(corrupt=())


def test_a_folder_of_other_damage_is_not_taken_over(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate_corrupted(**_run(data, out, "jpeg:2"))
    line = ["eval", "--detector", "random", "--dataset", str(data), "--crop-from", "frame"]
    line += ["--draws", "20", "--quiet", "--out", str(out), "--corrupt", "jpeg:2"]
    assert main(line) == 2
