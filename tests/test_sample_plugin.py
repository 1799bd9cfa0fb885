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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("backbones", "sample_grid"),
        ("wrappers", "sample_standard"),
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


@pytest.mark.slow
def test_its_own_contract_test_passes(site: Path, tmp_path: Path) -> None:
    tests = str(site.with_name("source") / "tests")
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, tests)
    assert "1 passed" in python(site, *arguments, folder=tmp_path)


@pytest.fixture(scope="module")
def fitted(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `bench fit` has run; its artefact is in `fitted`."""
    folder = tmp_path_factory.mktemp("fit")
    chosen = ("--detector", "sample_distance", "--backbone", "sample_grid", "--quiet")
    said = bench(site, "fit", *chosen, "--train", "toy", "--out", "fitted", folder=folder)
    assert "bench eval --detector sample_distance --backbone sample_grid --artefact fitted" in said
    assert (folder / "fitted" / "distance.safetensors").is_file()
    return folder


@pytest.mark.slow
def test_it_fits_and_evaluates(site: Path, fitted: Path) -> None:
    chosen = ("--detector", "sample_distance", "--backbone", "sample_grid", "--quiet")
    bench(
        site,
        *("eval", *chosen, "--artefact", "fitted", "--frames", "1", "--draws", "20"),
        *("--metrics", "sample_gap", "--metrics", "auc", "--dataset", "toy", "--out", "run"),
        folder=fitted,
    )
    measured = json.loads((fitted / "run" / "results.json").read_text("utf-8"))["measurements"]
    assert {each["metric"] for each in measured} == {"sample_gap", "auc"}


@pytest.mark.slow
def test_its_wrapper_runs_under_its_own_detector(site: Path, fitted: Path) -> None:
    chosen = ("--detector", "sample_distance", "--backbone", "sample_grid", "--quiet")
    wrapped = ("--wrap", "sample_standard", "--artefact", "fitted", "--fit-on", "toy")
    where = ("--dataset", "toy", "--frames", "1", "--draws", "0", "--out", "wrapped")
    bench(site, "eval", *chosen, *wrapped, *where, folder=fitted)
    record = json.loads((fitted / "wrapped" / "results.json").read_text("utf-8"))["provenance"]
    assert record["backbone"]["name"] == "standard(sample_grid)"
    assert Path(record["artefact"]).name == "distance.safetensors"
