"""`bench doctor`: what is there is listed, and what a command would stop at is a problem."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import pytest

from registry.builtin.commands import doctor_checks
from registry.cli import main
from registry.errors import ConfigError
from registry.plugins.discovery import Plugins
from registry.plugins.specs import FaceDetectorSpec


def found(capsys: pytest.CaptureFixture[str], code: int) -> list[dict[str, Any]]:
    assert main(["doctor", "--json"]) == code
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def row(findings: list[dict[str, Any]], area: str, what: str) -> dict[str, Any]:
    return next(each for each in findings if (each["area"], each["what"]) == (area, what))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path


@pytest.mark.slow
def test_a_whole_installation_has_no_problem(
    capsys: pytest.CaptureFixture[str], folders: Path
) -> None:
    (folders / "weights").mkdir()
    (folders / "weights" / "FFraw.tar").touch()
    findings = found(capsys, 0)
    assert {each["state"] for each in findings} <= {"ok", "note"}
    assert row(findings, "packages", "torch")["value"] == metadata.version("torch")
    assert "cpu" in row(findings, "machine", "devices")["value"]
    assert row(findings, "backbones", "sbi_efflite0")["state"] == "ok"
    assert row(findings, "backbones", "sbi_effb4")["value"].endswith("FFraw.tar")
    assert "xception_best.pth" in row(findings, "backbones", "xception")["do"]
    assert row(findings, "face detectors", "dlib")["value"] == "ready"
    assert row(findings, "plugins", "lesb")["state"] == "ok"


@pytest.mark.slow
def test_a_cache_that_cannot_be_is_a_problem_with_what_to_do(
    capsys: pytest.CaptureFixture[str], folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "file").touch()
    monkeypatch.setenv("BENCH_CACHE", str(folders / "file"))
    cache = row(found(capsys, 1), "folders", "cache")
    assert (cache["state"], "BENCH_CACHE" in cache["do"]) == ("problem", True)
    assert main(["doctor"]) == 1
    assert "1 to fix:\n  1. cache: cannot write to" in capsys.readouterr().out


@pytest.mark.slow
def test_a_version_out_of_bounds_and_a_missing_extra_are_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor_checks._version

    def version(name: str) -> str | None:
        return {"timm": "0.9.2", "matplotlib": None}.get(name, real(name))

    monkeypatch.setattr(doctor_checks, "_version", version)
    findings = found(capsys, 1)
    assert row(findings, "packages", "timm")["state"] == "problem"
    assert row(findings, "packages", "timm")["do"].startswith("pip install 'timm")
    figures = row(findings, "extras", "figures")
    assert (figures["state"], figures["value"]) == ("note", "missing: matplotlib")
    assert figures["do"] == "pip install 'lesb-plugin[figures]'"


@pytest.mark.slow
def test_a_plugin_that_does_not_load_is_a_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DISABLE_PLUGINS", "nobody")  # a name that switches nothing off
    plugin = row(found(capsys, 1), "plugins", "nobody")
    assert plugin["state"] == "problem"
    assert "disable" in plugin["value"]


@pytest.mark.slow
def test_a_pipe_gets_a_fact_on_each_line_and_no_line_of_screens_width(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "machine" in lines
    assert any(line.startswith("  torch ") for line in lines)
    missing = next(at for at, line in enumerate(lines) if line.startswith("- xception "))
    assert lines[missing + 1].strip().startswith("-> bench weights add FILE: xception_best.pth")


def test_a_face_detector_that_cannot_run_is_told_with_what_installs_it() -> None:
    def build() -> NoReturn:
        raise ConfigError("needs a thing", install="pip install 'a thing'")

    specs = [
        FaceDetectorSpec(name="lacking", summary="-", build=build),
        FaceDetectorSpec(name="there", summary="-", build=lambda: None),
    ]
    lacking, there = doctor_checks._faces(Plugins(records=tuple(specs)))
    assert (lacking.value, lacking.do) == (
        "needs a thing",
        "pip install 'a thing'; or --face-detector there",
    )
    assert (there.value, there.do) == ("ready", "")
    assert doctor_checks._for_faces("", ["dlib"]) == "--face-detector dlib"
