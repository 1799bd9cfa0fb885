"""`bench figure`: which faces are shown, what the page says, and what cannot be drawn."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lesb_plugin.drawing.overlay import colour_bar, overlay, region_fill
from lesb_plugin.explainers.polygons import part_polygons
from lesb_plugin.figure import pages
from lesb_plugin.figure.face_choice import by_group, by_outcome, spread, strongest
from lesb_plugin.figure.sheet import Bar, Sheet, SheetRow, Tile, write_sheet
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.roi.detector import RoiDetector
from registry import ConfigError, CropPolicy, FinishedRun, Result, ScoredFace
from registry.cli import main
from tests.shared.pictured_run import by_number, pictured_run
from tests.shared.tiny import TinyBackbone, TinyDetector


def face(score: float, label: int = 1, **changes: Any) -> ScoredFace:
    given: dict[str, Any] = {
        "dataset": "d",
        "video": f"{label}{score}",
        "frame": 0,
        "face": 0,
        "method": "swap" if label else "",
        "parts": {},
        "path": "p",
        "box": (0, 0, 1, 1),
    }
    return ScoredFace(score=score, label=label, **{**given, **changes})


def scores(found: list[ScoredFace]) -> list[float]:
    return [each.score for each in found]


@pytest.fixture
def run(tmp_path: Path) -> FinishedRun:
    return FinishedRun(pictured_run(tmp_path))


def give_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network so small that its maps take no time, in place of the run's own."""
    backbone = TinyBackbone()
    backbone.crop = CropPolicy(size=256, margin=0.1)
    monkeypatch.setattr(FinishedRun, "detector", TinyDetector(backbone))


# --- which faces -------------------------------------------------------------------------------


def test_outcomes_take_fake_for_positive_and_start_with_the_most_confident() -> None:
    faces = [face(s, label) for label in (0, 1) for s in (0.5, 0.1, 0.49, 0.9)]
    found = by_outcome(faces)
    assert {name: scores(each) for name, each in found.items()} == {
        "TP": [0.9, 0.5],
        "FN": [0.1, 0.49],
        "TN": [0.1, 0.49],
        "FP": [0.9, 0.5],
    }
    assert scores(by_outcome(faces, 0.95)["TN"]) == [0.1, 0.49, 0.5, 0.9]


def test_groups_are_of_fakes_by_manipulation_or_data_set() -> None:
    faces = [face(0.1, 0), face(0.2), face(0.3, method="warp"), face(0.4, dataset="e")]
    assert list(by_group(faces, "method")) == [("d", "swap"), ("d", "warp"), ("e", "swap")]
    assert {key: scores(each) for key, each in by_group(faces, "dataset").items()} == {
        ("d", ""): [0.2, 0.3],
        ("e", ""): [0.4],
    }


def test_no_video_is_shown_twice() -> None:
    faces = [face(0.9, video="a"), face(0.8, video="a"), face(0.7, video="b")]
    assert scores(strongest(faces, 4)) == [0.9, 0.7]
    assert scores(strongest(faces, 1)) == [0.9]
    assert scores(spread(faces[::-1], 4)) == [0.9, 0.7]


def test_spread_faces_reach_from_the_highest_to_the_lowest_score() -> None:
    faces = [face(s / 100) for s in range(101)]
    assert scores(spread(faces, 5)) == [1.0, 0.75, 0.5, 0.25, 0.0]


# --- what the pages show -----------------------------------------------------------------------


def test_outcomes_show_the_parts_in_the_colours_of_the_runs_own_scores(
    run: FinishedRun, regions: RegionSet
) -> None:
    sheet = pages.outcomes_sheet(run, regions, count=2, style="default", quiet=True)
    assert [row.label.split(":")[0] for row in sheet.rows] == ["TP", "FN", "TN", "FP"]
    assert [len(row.tiles) for row in sheet.rows] == [2, 1, 2, 1]
    assert "3 faces" in sheet.rows[0].label
    best = max((each for each in run.faces if each.label), key=lambda each: each.score)
    crop = run.crop(best)
    expected = region_fill(crop.image, part_polygons(crop, regions), best.parts)
    assert (sheet.rows[0].tiles[0].image == expected).all()
    x0, y0, x1, y1 = best.box
    assert sheet.rows[0].tiles[0].aspect == (x1 - x0) / (y1 - y0) != 1
    for part, value in best.parts.items():
        assert f"{part}\u00a0{value:.2f}" in sheet.rows[0].tiles[0].caption


def test_an_outcome_that_nobody_has_says_so(tmp_path: Path, regions: RegionSet) -> None:
    def right(number: int, video: Any) -> dict[str, float]:
        return {**by_number(number, video), "fake": 0.9 if video.label else 0.2}

    found = FinishedRun(pictured_run(tmp_path, right))
    sheet = pages.outcomes_sheet(found, regions, count=2, style="default", quiet=True)
    assert [bool(row.tiles) for row in sheet.rows] == [True, False, True, False]
    assert sheet.rows[1].instead == "none: no fake face scores less than 0.5"
    assert sheet.rows[3].instead == "none: no real face scores 0.5 or more"


def test_what_an_audit_said_of_parts_stands_under_their_colours(
    run: FinishedRun, regions: RegionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_detector(monkeypatch)
    result = Result.load(run.folder)
    audit = {"words": "Do not read its parts as places."}
    replace(result, provenance=replace(result.provenance, audit=audit)).save(run.folder)
    for draw in (pages.outcomes_sheet, pages.datasets_sheet):
        sheet = draw(run, regions, count=1, style="default", quiet=True)
        assert sheet.note.endswith(". Do not read its parts as places.")
    sheet = pages.parts_sheet(run, count=1, style="default", quiet=True)
    assert sheet.note.endswith(". Do not read its parts as places.")


def test_a_row_of_fakes_gives_the_means_over_all_its_faces(
    run: FinishedRun, regions: RegionSet
) -> None:
    sheet = pages.datasets_sheet(run, regions, count=3, style="paper", by="dataset", quiet=True)
    (row,) = sheet.rows
    assert len(row.tiles) == 3
    mean = np.mean([each.parts["nose"] for each in run.faces if each.label])
    assert f"nose\u00a0{mean:.2f}" in row.label
    assert "4 faces" in row.label


@pytest.mark.slow
def test_maps_of_all_heads_share_one_scale_and_the_face_comes_last(
    run: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_detector(monkeypatch)
    sheet = pages.parts_sheet(run, count=2, style="default", quiet=True)
    assert sheet.columns == ("Photo", "Mouth", "Face")
    chosen = sorted((each for each in run.faces if each.label), key=lambda each: -each.score)[:2]
    crops = [run.crop(each) for each in chosen]
    found = run.explainer("cam", {})(crops)
    limit = max(float(np.abs(heat).max()) for each in found for heat in each.maps.values())
    for row, crop, each in zip(sheet.rows, crops, found, strict=True):
        assert (row.tiles[0].image == crop.image).all()
        for tile, name in zip(row.tiles[1:], ("mouth", "face"), strict=True):
            assert (tile.image == overlay(crop.image, each.maps[name], limit=limit)).all()
    apart = pages.parts_sheet(run, count=2, style="default", scale="head", quiet=True)
    own = max(float(np.abs(each.maps["face"]).max()) for each in found)
    expected = overlay(crops[0].image, found[0].maps["face"], limit=own)
    assert (apart.rows[0].tiles[2].image == expected).all()
    assert f"face {own:.3g}" in sheet.note
    fixed = pages.parts_sheet(run, count=2, style="default", limit=123.0, quiet=True)
    assert fixed.bar.high == "123, fake"


def test_an_explainer_without_maps_is_told_of_those_that_have_some(
    run: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_detector(monkeypatch)
    with pytest.raises(ConfigError, match="'shapley' gives no maps"):
        pages.parts_sheet(run, count=1, style="default", explainer="shapley", quiet=True)


@pytest.mark.parametrize(
    ("declared", "expected"), [("rollout_of_mine", "rollout_of_mine"), (None, "cam")]
)
def test_maps_are_those_of_the_detector_s_own_explainer(
    run: FinishedRun, monkeypatch: pytest.MonkeyPatch, declared: str | None, expected: str
) -> None:
    give_detector(monkeypatch)
    if declared is not None:
        monkeypatch.setattr(run.detector, "explained_by", declared, raising=False)
    asked: list[str] = []
    cam = FinishedRun.explainer

    def explainer(self: FinishedRun, name: str, options: Any) -> Any:
        asked.append(name)
        return cam(self, "cam", options)

    monkeypatch.setattr(FinishedRun, "explainer", explainer)
    sheet = pages.parts_sheet(run, count=1, style="default", quiet=True)
    assert asked == [expected]
    assert sheet.note.startswith(f"{expected} of the logits")
    pages.parts_sheet(run, count=1, style="default", explainer="cam", quiet=True)
    assert asked[1:] == ["cam"]  # what is asked for comes first


def test_the_parts_of_lesb_roi_are_shown_by_its_own_heads() -> None:
    assert RoiDetector.explained_by == "part_heads"


# --- the file ----------------------------------------------------------------------------------


def sheet_of(image: np.ndarray, label: str = "a row") -> Sheet:
    rows = (
        SheetRow(label, (Tile(image, "under $it$"),)),
        SheetRow("empty", (), "none: for a reason"),
    )
    return Sheet(rows, Bar(colour_bar(), "0 real", "1 fake", "score"), "what is shown", ("Photo",))


@pytest.mark.parametrize("aspect", [0.8, 1.0, 1.25])
def test_faces_are_shown_as_wide_and_high_as_they_are(tmp_path: Path, aspect: float) -> None:
    image = np.full((8, 8, 3), (0, 255, 0), np.uint8)
    sheet = Sheet((SheetRow("a", (Tile(image, aspect=aspect),)),), sheet_of(image).bar, "")
    path = write_sheet(sheet, tmp_path / "f.png")
    shown = cv2.imread(str(path))
    rows, columns = np.nonzero((shown == (0, 255, 0)).all(axis=2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(aspect, rel=0.02)
    assert max(width, height) == pytest.approx(1.6 * 200, abs=2)


def test_a_png_holds_the_picture_and_its_colours(tmp_path: Path) -> None:
    red = np.full((32, 32, 3), (200, 10, 20), np.uint8)
    made = cv2.imread(str(write_sheet(sheet_of(red), tmp_path / "f.png", dpi=100)))[..., ::-1]
    inside = np.abs(made.astype(int) - (200, 10, 20)).max(axis=2) <= 1
    assert inside.sum() == pytest.approx(160 * 160, rel=0.03)  # a tile of 1.6 inches


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["svg", "PDF"])
def test_vector_files_are_equal_byte_by_byte(tmp_path: Path, suffix: str) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    one, two = (write_sheet(sheet_of(image), tmp_path / f"{n}.{suffix}") for n in "ab")
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes().startswith(b"%PDF" if suffix == "PDF" else b"<?xml")


def test_text_stays_text_in_an_svg(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    text = write_sheet(sheet_of(image), tmp_path / "f.svg").read_text()
    for said in ("a row", "under $it$", "none: for a reason", "0 real", "what is shown", "Photo"):
        assert said in text


# --- the command -------------------------------------------------------------------------------


def figure(run: Path, *more: str) -> int:
    return main(["figure", "outcomes", str(run), "--quiet", *more])


def test_a_figure_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures" / "f.svg"
    assert figure(pictured_run(tmp_path), "--out", str(path), "--faces", "1") == 0
    assert f"figure: {path}" in capsys.readouterr().out
    assert "TP: true positives" in path.read_text()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--out", "f.gif"), ".png, .svg, .pdf"),
        (("--out", "f.png", "--faces", "0"), "whole number of 1 or more"),
        (("--out", "f.png", "--regions", "eyes_nose"), "no configuration 'eyes_nose'"),
        (("--out", "f.png", "--style", "pink"), "invalid choice: 'pink'"),
        (("--out", "f.png", "--set", "dataset=nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], told: str
) -> None:
    assert figure(pictured_run(tmp_path), *more) == 2
    assert told in capsys.readouterr().err


def test_a_run_without_part_scores_is_told_of_detectors_with_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = pictured_run(tmp_path, lambda number, video: {"fake": 0.5})
    assert figure(run, "--out", str(tmp_path / "f.png")) == 2
    assert "no part scores" in capsys.readouterr().err


def test_parts_that_the_regions_lack_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = pictured_run(tmp_path, lambda number, video: {"fake": 0.5, "p_ear": 0.5})
    assert figure(run, "--out", str(tmp_path / "f.png")) == 2
    assert "'ear'" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert figure(tmp_path, "--out", "f.png") == 2
    assert "pip install 'lesb-plugin[figures]'" in capsys.readouterr().err
