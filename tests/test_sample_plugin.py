"""A third party's package, really installed, is found and used without an edit anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent / "sample_plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the sample plugin, from a copy of its sources."""
    folder = tmp_path_factory.mktemp("sample")
    shutil.copytree(SAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def bench(site: Path, *arguments: str, folder: Path) -> str:
    code = "import sys; from registry.cli import main; sys.exit(main())"
    return python(site, "-c", code, *arguments, folder=folder)


def python(site: Path, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("backbones", "sample_grid"),
        ("detectors", "sample_distance"),
        ("artefacts", "sample_distance_toy"),
        ("metrics", "sample_gap"),
        ("explainers", "sample_edges"),
    ],
)
def test_what_it_registers_is_listed(site: Path, tmp_path: Path, kind: str, name: str) -> None:
    listed = json.loads(bench(site, "list", kind, "--json", folder=tmp_path))
    (record,) = [each for each in listed if each["name"] == name]
    assert record["source"] == "bench-sample"


def test_the_plugin_is_named_with_its_package(site: Path, tmp_path: Path) -> None:
    found = json.loads(bench(site, "plugins", "--json", folder=tmp_path))
    (info,) = [each for each in found["plugins"] if each["name"] == "sample"]
    assert (info["distribution"], info["version"]) == ("bench-sample", "1.0")
    assert found["failures"] == []


def test_its_options_are_flags_of_eval(site: Path, tmp_path: Path) -> None:
    text = bench(site, "eval", "--detector", "sample_distance", "--help", folder=tmp_path)
    assert "options of sample_distance" in text
    assert "--half" in text


def test_its_own_contract_test_passes(site: Path, tmp_path: Path) -> None:
    tests = str(site.with_name("source") / "tests")
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, tests)
    assert "1 passed" in python(site, *arguments, folder=tmp_path)


def test_it_fits_and_evaluates(site: Path, tmp_path: Path) -> None:
    chosen = ("--detector", "sample_distance", "--backbone", "sample_grid", "--quiet")
    fitted = bench(site, "fit", *chosen, "--train", "toy", "--out", "fitted", folder=tmp_path)
    assert "bench eval --detector sample_distance --backbone sample_grid" in fitted
    bench(
        site,
        *("eval", *chosen, "--dataset", "toy", "--frames", "1", "--draws", "20"),
        *("--metrics", "sample_gap", "--metrics", "auc", "--out", "run"),
        folder=tmp_path,
    )
    measured = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))["measurements"]
    assert {each["metric"] for each in measured} == {"sample_gap", "auc"}
