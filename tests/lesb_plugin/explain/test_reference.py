"""What scores are compared with where nothing is named: the reals that the fit kept, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from registry import CalibratedDetector, Scores
from registry.cli import main
from tests.shared.drawn_files import Redness, drawn_plugins, portrait, write
from tests.shared.tiny import write_reals

Run = Callable[..., tuple[Any, str, str]]
NAMES = ("eyes", "nose", "mouth")


def kept(count: int) -> Scores:
    scores = np.linspace(0.0, 0.4, count)
    return Scores(fake=scores, regions={name: scores + 0.1 * k for k, name in enumerate(NAMES)})


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """`bench explain` of a drawn face by `redness`: its record, its page and what was told."""
    plugins = drawn_plugins()
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)

    def run(*more: str) -> tuple[Any, str, str]:
        file = write(tmp_path / "a.png", portrait(100))
        how = ["--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny"]
        how += ["--detector", "redness", "--out", str(tmp_path / "out"), "--quiet"]
        assert main(["explain", str(file), *how, *more]) == 0
        record = json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))
        page = (tmp_path / "out" / "a.html").read_text("utf-8")
        return record, page, capsys.readouterr().err

    return run


def test_scores_are_compared_with_what_the_fit_kept(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redness, "val_reals", kept(40), raising=False)
    monkeypatch.setattr(Redness, "trained_on", ("faces",), raising=False)
    assert isinstance(Redness(), CalibratedDetector)
    record, page, told = bench()
    assert record["verdict"]["reference"] == "val split of faces"
    assert record["verdict"]["reference_faces"] == 40
    higher = (kept(40).fake >= record["score"]).sum()
    assert record["verdict"]["p"] == pytest.approx((1 + higher) / 41)
    assert f"p = ({higher} + 1) / (40 + 1) = {(1 + higher) / 41:.3f}." in page
    assert "90 % of real faces</th>" in page
    for name, row in record["parts"].items():
        above = (kept(40).regions[name] >= row["score"]).sum()
        assert row["p"] == pytest.approx((1 + above) / 41)
    for text in (page, told):
        assert "40 pictures of real faces (val split of faces). The detector was" in text


@pytest.mark.parametrize("count", [None, 18])
def test_a_detector_that_kept_none_or_few_gives_no_verdict_and_says_what_to_do(
    bench: Run, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    if count is not None:
        monkeypatch.setattr(Redness, "val_reals", kept(count), raising=False)
    record, page, told = bench()
    verdict = record["verdict"]
    assert (verdict["word"], verdict["p"], verdict["reference"]) == ("UNDETERMINED", None, None)
    assert (verdict["reference_faces"], record["part"]["singled_out"]) == (0, None)
    assert record["score"] is not None
    remedy = "name photographs of real faces with --reference DATA, or leave --detector out"
    assert (
        f"no real faces to compare with: the detector keeps no real faces of its own; {remedy}"
        in (verdict["undetermined_because"])
    )
    for text in (page, told):
        assert "Scores are compared with nothing, so no verdict is given: the detector" in text
        assert remedy in text


@pytest.mark.slow
def test_drawn_faces_are_compared_with_where_they_are_named(bench: Run) -> None:
    record, page, told = bench("--reference", "toy", "--reference-faces", "20")
    assert record["verdict"]["reference"] == "toy"
    assert record["verdict"]["p"] is not None
    assert record["verdict"]["reference_faces"] == 20
    for text in (page, told):
        assert "20 pictures of real faces (toy). They are drawn, not photographed" in text


def test_data_that_are_named_go_first(
    bench: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Redness, "val_reals", kept(40), raising=False)
    (tmp_path / "reals").mkdir()
    reals = write_reals(tmp_path / "reals", 24)
    record, page, _ = bench("--reference", reals)
    assert record["verdict"]["reference"] == reals
    assert record["verdict"]["reference_faces"] == 24
    assert f"24 pictures of real faces ({reals})." in page


@pytest.mark.slow
def test_the_strength_of_maps_is_looked_up_once(
    bench: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Maps of kept reals cannot be drawn: drawn faces give their scale, and it is cached."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    plugins = drawn_plugins()
    detector = plugins.get("detector", "three").build
    calibrated = type("Calibrated", (), {"val_reals": kept(25)})

    def build(context: Any) -> Any:
        found = detector(context)
        found.__class__ = type("Known", (type(found), calibrated), {})
        return found

    for each in plugins.records:
        if each.name == "three":
            object.__setattr__(each, "build", build)
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    first, page, _ = bench("--detector", "three")
    assert first["verdict"]["reference_faces"] == 25
    assert first["map_scales"]["face"]["full"] > first["map_scales"]["face"]["usual"] > 0
    assert "faces of toy" in page
    monkeypatch.setattr("lesb_plugin.explain.map_scale._measured", None)
    second, _, _ = bench("--detector", "three")
    assert second["map_scales"] == first["map_scales"]
    assert second["verdict"] == first["verdict"]


def _in_two_qualities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty soft reals that score low, and sixty sharp ones that all score high."""
    soft, sharp = kept(60), np.linspace(0.9, 1.0, 60)
    parts = {name: np.concatenate([values, sharp]) for name, values in soft.regions.items()}
    both = Scores(fake=np.concatenate([soft.fake, sharp]), regions=parts)
    monkeypatch.setattr(Redness, "val_reals", both, raising=False)
    monkeypatch.setattr(Redness, "trained_on", ("faces",), raising=False)
    quality = np.concatenate([np.linspace(1.0, 40.0, 60), np.linspace(1e4, 2e4, 60)])
    monkeypatch.setattr(Redness, "val_sharpness", quality, raising=False)


def test_a_face_is_compared_with_reals_of_like_sharpness_alone(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_two_qualities(monkeypatch)
    monkeypatch.setattr("registry.scoring.scorer.sharpness", lambda _: 20.0)
    record, page, _ = bench()
    higher = (kept(60).fake >= record["score"]).sum()
    assert record["verdict"]["p"] == pytest.approx((1 + higher) / 61)
    assert record["verdict"]["reference_faces"] == 60
    assert "of similar sharpness" in page
    monkeypatch.setattr("registry.scoring.scorer.sharpness", lambda _: 15000.0)
    record, _, _ = bench()
    assert record["verdict"]["p"] == 1.0


def test_a_face_that_is_like_no_kept_one_is_undetermined_and_says_why(
    bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_two_qualities(monkeypatch)
    monkeypatch.setattr("registry.scoring.scorer.sharpness", lambda _: 90000.0)
    record, page, _ = bench()
    assert (record["verdict"]["word"], record["verdict"]["p"]) == ("UNDETERMINED", None)
    assert record["verdict"]["reference_faces"] == 0
    assert "No comparable real faces: the sharpness of this one is 90000" in page
    assert record["part"]["singled_out"] is None
