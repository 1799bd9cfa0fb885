"""Reporters that hand numbers on: a table, and experiment trackers as they really are."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

from registry.cli import main
from registry.results.result import Result

RUN = ["eval", "--detector", "random", "--draws", "50", "--frames", "2", "--quiet"]


def run(out: Path, *reporters: str) -> Result:
    flags = [part for name in reporters for part in ("--reporters", name)]
    assert main([*RUN, *flags, "--out", str(out)]) == 0
    return Result.load(out)


@pytest.mark.slow
def test_the_table_holds_every_measurement(tmp_path: Path) -> None:
    result = run(tmp_path / "run", "csv")
    with (tmp_path / "run" / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.measurements)
    for row, each in zip(rows, result.measurements, strict=True):
        assert (row["dataset"], row["method"], row["metric"]) == (
            each.dataset, each.method, each.metric,
        )  # fmt: skip
        assert row["value"] == ("" if each.value is None else repr(each.value))
        assert int(row["reals"]) == each.reals


def test_mlflow_gets_settings_numbers_and_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    result = run(tmp_path / "run", "mlflow")
    told = json.loads((tmp_path / "run" / "mlflow.json").read_text())
    logged = mlflow.get_run(told["run_id"]).data
    auc = next(each for each in result.measurements if each.metric == "auc")
    name = f"{auc.dataset}/{auc.method}/{auc.variant}/{auc.level}/auc"
    assert logged.metrics[name] == auc.value
    assert logged.metrics[f"{name} low"] == auc.low
    assert logged.params["detector"] == "random"


def test_wandb_gets_settings_and_numbers_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run(tmp_path / "run", "wandb")
    told = json.loads((tmp_path / "run" / "wandb.json").read_text())
    assert told["project"] == "lesb-plugin"
    assert list((tmp_path / "run" / "wandb").glob(f"offline-run-*{told['id']}"))


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_told_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda each, *rest: None if each == name else real(each, *rest)
    )
    assert main([*RUN, "--reporters", name, "--out", str(tmp_path / "run")]) == 2
    assert f"pip install 'lesb-plugin[{name}]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
