"""Entries of the leaderboard: what runs measured, what was published, and where the two stand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from registry.builtin.leaderboard import entries as leaderboard
from registry.builtin.leaderboard.entries import BoardEntry, Cell, measured, published, reported
from registry.builtin.leaderboard.text import as_csv, as_markdown, datasets_of, in_order
from registry.cli import main
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError
from registry.results.provenance import BackboneRecord
from registry.results.result import RESULTS, Result
from registry.tasks.evaluate import evaluate
from tests.shared.synthetic_run import drawn_rows, manifest, provenance, run_folder


def entry(name: str, kind: str = "measured", **aucs: float) -> BoardEntry:
    return BoardEntry(
        kind=kind,  # type: ignore[arg-type]
        name=name,
        cells={key: Cell(auc=value, domain="cross-dataset") for key, value in aucs.items()},
        level="video",
        protocol="p",
        source="s",
    )


def table(name: str) -> dict[str, dict[str, float]]:
    """Rows of a published table by method: columns as the paper heads them."""
    (found,) = (each for each in published() if each.paper == name)
    return {
        row.name: {head: row.auc[key] for head, key in found.columns.items() if key in row.auc}
        for row in found.rows
    }


# --- published -------------------------------------------------------------------------------


def test_table_1_of_the_paper_is_whole() -> None:
    rows = table("table1")
    assert len(rows) == 13
    assert rows["LESB (Ours)"] == {"CDF": 93.13, "DFDC": 71.98, "FFIW": 83.01}
    assert rows["LFD-Mouth (Ours)"] == {"CDF": 93.85, "DFDC": 71.12, "FFIW": 83.30}
    assert rows["PCL + I2G"] == {"CDF": 90.03, "DFDC": 67.52}
    sums = {
        head: sum(row.get(head, 0) for row in rows.values()) for head in ("CDF", "DFDC", "FFIW")
    }
    assert sums == pytest.approx({"CDF": 1104.25, "DFDC": 496.07, "FFIW": 489.38})


def test_table_2_of_the_paper_is_whole_with_the_averages_it_prints() -> None:
    rows = table("table2")
    assert len(rows) == 8
    assert list(rows["LESB - Majority Voting"].items()) == [
        ("FFIW", 70.00),
        ("CDF", 82.52),
        ("FF++", 97.59),
        ("DFDC", 60.33),
    ]
    sums = {head: sum(row[head] for row in rows.values()) for head in rows["LESB - Median score"]}
    assert sums == pytest.approx({"FFIW": 654.34, "CDF": 735.40, "FF++": 794.41, "DFDC": 562.79})
    (found,) = (each for each in published() if each.paper == "table2")
    assert sum(row.average or 0 for row in found.rows) == pytest.approx(686.68)


def test_a_row_that_two_tables_of_a_paper_share_is_on_the_board_once() -> None:
    names = [each.name for each in reported(published())]
    assert not any("(Ours)" in name for name in names)
    assert [name for name in names if name.startswith("LESB (")] == ["LESB (Sum/Arithmetic Mean)"]
    assert sum(name.startswith("EFNB4 + SBI") for name in names) == 1
    assert {"LFD-Eyes", "LFD-Nose", "LFD-Mouth"} <= set(names)
    assert "LESB (Ours)" in table("table1")  # `--paper` prints the table as it was published


@pytest.mark.parametrize(
    ("name", "level", "dataset", "auc", "domain"),
    [
        ("SBI (raw weights)", "video", "FFIW", 0.8452, "cross-dataset"),
        ("SBI (c23 weights)", "video", "DFD", 0.9816, "cross-dataset"),
        ("Xception (DeepfakeBench)", "frame", "FaceForensics++", 0.9637, "in-domain"),
        ("EfficientNet-B4 (DeepfakeBench)", "frame", "DFDCP", 0.7283, "cross-dataset"),
        ("SBI (DeepfakeBench)", "frame", "DFDCP", 0.799, "unknown"),
        ("SBI (DeepfakeBench)", "video", "DFDCP", 0.848, "unknown"),
        ("Forensics Adapter", "video", "DFDCP", 0.929, "unknown"),
        ("Effort", "video", "FFIW", 0.921, "unknown"),
        ("GenD", "video", "DFDC", 0.871, "unknown"),
        ("LFD-Mouth", "not stated", "Celeb-DF-v2", 0.9385, "cross-dataset"),
        ("LESB (Sum/Arithmetic Mean)", "not stated", "Celeb-DF-v2", 0.9313, "cross-dataset"),
        ("LESB - Maximum score", "not stated", "FaceForensics++", 0.9961, "in-domain"),
    ],
)
def test_published_rows_have_level_source_protocol_and_domain(
    name: str, level: str, dataset: str, auc: float, domain: str
) -> None:
    (found,) = (e for e in reported(published()) if (e.name, e.level) == (name, level))
    cell = found.cells[dataset]
    assert cell.auc == pytest.approx(auc)
    assert cell.domain == domain
    assert found.kind == "reported"
    assert found.source
    assert found.protocol


def test_a_malformed_table_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "leaderboard"
    folder.mkdir()
    (folder / "mine.yaml").write_text("source: s\nlevel: clip\nprotocol: p\nrows: []\n")
    monkeypatch.setattr(leaderboard, "config_dir", lambda: tmp_path)
    monkeypatch.setattr("registry.settings.load.config_dir", lambda: tmp_path)
    with pytest.raises(ConfigError, match=r"mine\.level cannot be 'clip'.*video, frame"):
        published()


# --- measured --------------------------------------------------------------------------------


def result(folder: Path, dataset: str = "CDF", **changes: object) -> Result:
    made = run_folder(folder, drawn_rows(dataset), draws=20)
    origin = provenance(domains={dataset: "cross-dataset"}, config={"frames": 8, "split": "test"})
    return replace(made, provenance=replace(origin, **changes))


def test_a_run_becomes_an_entry_with_all_that_results_json_says(tmp_path: Path) -> None:
    made = result(
        tmp_path,
        created="2026-03-04T05:06:07+00:00",
        timing={"score": 3.0},
        frames_scored=150,
        checkpoint_selection="val",
        backbone=replace(provenance().backbone, parameters=17_551_202),  # type: ignore[type-var]
    )
    found = measured(made, "mine")
    (auc,) = made.select(variant="lesb", method="all", level="video", metric="auc")
    assert found.cells == {
        "Celeb-DF-v2": Cell(auc=auc.value, low=auc.low, high=auc.high, domain="cross-dataset")  # type: ignore[arg-type]
    }
    assert found.name == "lesb on some_net (mine)"
    assert found.protocol == "profile strict, 8 frames a video, split test"
    assert (found.parameters, found.seconds_per_frame) == (17_551_202, 0.02)
    assert (found.crop, found.weights_sha256) == ("sbi 256 px margin 10.0%", "ab" * 32)
    assert (found.checkpoint_selection, found.date) == ("val", "2026-03-04")
    assert measured(made, "mine", "lesb:eyes").name == "lesb:eyes on some_net (mine)"
    assert found.level == "video"
    theirs = replace(made, settings=replace(made.settings, profile="deepfakebench"))
    assert measured(theirs, "mine").level == "video, profile deepfakebench"


def test_a_data_set_that_the_backbone_learned_from_is_in_domain_under_any_name(
    tmp_path: Path,
) -> None:
    found = measured(result(tmp_path, "FF++"), "mine")
    assert found.cells["FaceForensics++"].domain == "in-domain"


def test_two_names_of_one_data_set_in_a_run_are_refused(tmp_path: Path) -> None:
    made = run_folder(tmp_path, drawn_rows("CDF") + drawn_rows("Celeb-DF-v2"), draws=5)
    with pytest.raises(ConfigError, match="'Celeb-DF-v2' of this run is 'Celeb-DF-v2', and so is"):
        measured(made, "mine")


def test_an_older_results_json_is_read_and_what_it_lacks_is_unknown(tmp_path: Path) -> None:
    run_folder(tmp_path)
    record = json.loads((tmp_path / RESULTS).read_text())
    for name in ("frames_scored", "checkpoint_selection"):
        del record["provenance"][name]
    del record["provenance"]["backbone"]["parameters"]
    (tmp_path / RESULTS).write_text(json.dumps(record))
    found = measured(Result.load(tmp_path), "old")
    assert (found.parameters, found.seconds_per_frame) == (None, None)
    assert found.checkpoint_selection == "unknown"


def test_parameters_are_those_of_a_backbone_that_is_a_torch_module() -> None:
    class Net(torch.nn.Linear):
        name, weights, weights_sha256 = "net", "w", "00"
        crop, trained_on = CropPolicy(), ()

    class Plain:
        name, weights, weights_sha256 = "net", "w", "00"
        crop, trained_on = CropPolicy(), ()

    assert BackboneRecord.of(Net(3, 2)).parameters == 8  # type: ignore[arg-type]
    assert BackboneRecord.of(Plain()).parameters is None  # type: ignore[arg-type]


def test_eval_records_selection_and_frames_and_a_resumed_run_claims_no_time(
    tmp_path: Path,
) -> None:
    data = str(manifest(tmp_path / "data"))
    how = {"detector": "random", "dataset": (data,), "out": str(tmp_path / "run")}
    first = evaluate(**how, draws=0, quiet=True, checkpoint_selection="test")
    assert first.provenance.checkpoint_selection == "test"
    assert first.provenance.frames_scored == 8
    assert any("selected on test data" in note for note in first.notes)
    assert measured(first, "a").seconds_per_frame is not None
    again = evaluate(**how, draws=0, quiet=True)
    assert again.provenance.frames_scored == 0
    assert measured(again, "a").seconds_per_frame is None


# --- files and tables ------------------------------------------------------------------------


def test_rows_of_a_kind_come_by_number_of_data_sets_then_average() -> None:
    rows = [entry("a", x=0.9), entry("b", x=0.5, y=0.6), entry("c", x=0.6, y=0.6)]
    rows.append(entry("d", "reported", x=0.99, y=0.99, z=0.99))
    assert [each.name for each in in_order(rows, "measured")] == ["c", "b", "a"]
    assert rows[1].average == pytest.approx(0.55)


def test_data_sets_that_were_measured_here_are_the_first_columns() -> None:
    rows = [entry("one", FFIW=0.8, mine=0.7), entry("two", "reported", DFDC=0.6, DFD=0.5, FFIW=0.9)]
    assert datasets_of(rows) == ["FFIW", "mine", "DFDC", "DFD"]
    assert datasets_of(rows[1:]) == ["DFDC", "FFIW", "DFD"]


def test_markdown_keeps_measured_and_reported_apart() -> None:
    text = as_markdown([entry("lesb | x", CDF=0.5), entry("them", "reported", CDF=0.9)])
    measured_part, reported_part = text.split("## Reported")
    assert "| lesb \\| x | 50.00 cross-dataset | 50.00 (1) |" in measured_part
    assert "them" not in measured_part
    assert "| them | 90.00 cross-dataset |" in reported_part
    assert "No rows." in as_markdown([entry("them", "reported", CDF=0.9)])


def test_csv_gives_every_value_back() -> None:
    cell = Cell(auc=0.5, low=0.4, high=0.6, domain="in-domain")
    mine = replace(entry("a, b"), cells={"CDF": cell}, parameters=3, checkpoint_selection="test")
    (row, other) = csv.DictReader(io.StringIO(as_csv([entry("c", "reported", D=0.7), mine])))
    assert (row["kind"], row["name"], row["parameters"]) == ("measured", "a, b", "3")
    assert [row[f"CDF {part}"] for part in ("auc", "low", "high", "domain")] == [
        "0.5",
        "0.4",
        "0.6",
        "in-domain",
    ]
    assert (row["D auc"], other["D auc"], other["CDF auc"]) == ("", "0.7", "")
    assert row["checkpoint selection"] == "test"
    assert row["reals only"] == ""


def test_csv_says_what_data_with_reals_alone_have() -> None:
    mine = replace(entry("a", A=0.7), reals={"clips": "0.067 above 0.5", "faces": "none above 0.5"})
    (row,) = csv.DictReader(io.StringIO(as_csv([mine])))
    assert row["reals only"] == "clips: 0.067 above 0.5; faces: none above 0.5"


def test_csv_has_no_digits_that_sums_of_floats_add() -> None:
    text = as_csv([replace(entry("a", A=0.7, B=0.8331, C=0.7664), seconds_per_frame=0.1 + 0.2)])
    (row,) = csv.DictReader(io.StringIO(text))
    assert sum((0.7, 0.8331, 0.7664)) / 3 != 0.7665
    assert (row["average"], row["B auc"], row["seconds per frame"]) == ("0.7665", "0.8331", "0.3")


def test_a_folder_without_results_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder(tmp_path / "done", drawn_rows("CDF"), draws=5)
    going = tmp_path / "going"
    going.mkdir()
    line = ["leaderboard", "--out", str(tmp_path / "board"), str(going)]
    assert main([*line, str(tmp_path / "done")]) == 0
    assert f"skipped: {going} holds no results.json" in capsys.readouterr().err
    assert main([*line[:-1], str(tmp_path)]) == 2  # the folder with the run folders
    assert f"skipped: {tmp_path} holds no results.json" in (said := capsys.readouterr().err)
    assert f"did you mean {tmp_path}/*?" in said
    assert main(line) == 2
    assert "none of these folders holds a finished run" in capsys.readouterr().err
    assert main([*line, str(tmp_path / "gone")]) == 2
    assert "no such file or folder: " in capsys.readouterr().err


def test_the_command_writes_three_files_and_prints_a_paper_s_table_with_runs_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "mine"
    made = run_folder(run, drawn_rows("CDF"), draws=5)
    line = ["leaderboard", str(run)]
    assert main([*line, "--out", str(tmp_path / "board"), "--paper", "table1"]) == 0
    out = capsys.readouterr().out
    assert {each.name for each in (tmp_path / "board").iterdir()} == {
        "leaderboard.html",
        "leaderboard.md",
        "leaderboard.csv",
    }
    lines = out.splitlines()
    ours = [text for text in lines if text.startswith("measured")]
    assert [text.split()[1] for text in ours] == [
        "lesb",
        "lesb:eyes",
        "lesb:nose",
        "lesb:mouth",
        "head",
    ]
    (auc,) = made.select(variant="lesb:nose", method="all", level="video", metric="auc")
    assert f" {100 * (auc.value or 0):.2f} " in ours[2]
    last = max(at for at, text in enumerate(lines) if text.startswith("reported"))
    assert lines.index(ours[0]) == last + 1

    assert main([*line, "--paper", "table2"]) == 0
    out = capsys.readouterr().out
    ours = [text.split()[1] for text in out.splitlines() if text.startswith("measured")]
    assert ours == ["lesb", "head", "vote"]
    # (84.83 + 93.18 + 99.59 + 72.42) / 4 = 87.505
    assert (
        "EFNB4 + SBI (Shiohara et al. 2022): the published average is 87.55,"
        " the mean of its row 87.505" in out
    )
    assert main([*line, "--paper", "table3"]) == 2
    assert "no published table named 'table3'" in capsys.readouterr().err


def test_data_that_a_papers_table_lacks_have_no_rows_of_dashes_and_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in (
        ("paper", drawn_rows("CDF")),
        ("mine", drawn_rows("portraits")),
        ("both", [*drawn_rows("CDF"), *drawn_rows("sketches")]),
    ):
        run_folder(tmp_path / name, rows, draws=0)
    runs = [str(tmp_path / name) for name in ("paper", "mine", "both")]
    assert main(["leaderboard", *runs, "--paper", "table1"]) == 0
    out = capsys.readouterr().out
    ours = [line for line in out.splitlines() if line.startswith("measured")]
    assert not any("(mine)" in line for line in ours)
    assert {name for name in ("paper", "both") if any(f"({name})" in line for line in ours)} == {
        "paper",
        "both",
    }
    assert out.count("Left out because they are not in this table: portraits, sketches.") == 1
    assert main(["leaderboard", runs[0], "--paper", "table1"]) == 0
    assert "not in this table" not in capsys.readouterr().out


def test_a_run_of_reals_only_says_so_and_what_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = drawn_rows("portraits")
    made = run_folder(tmp_path / "reals", [each for each in both if not each["label"]], draws=20)
    run_folder(tmp_path / "both", both, draws=0)
    runs = [str(tmp_path / name) for name in ("reals", "both")]
    assert main(["leaderboard", runs[0]]) == 0
    out = capsys.readouterr().out
    assert main(["leaderboard", runs[0], "--out", str(tmp_path / "board")]) == 0
    (share,) = (each.above_half for each in made.sources)
    note = f"no AUC on portraits, which has reals only: {share.value:.3f} [{share.low:.3f} "
    assert note in out
    markdown = (tmp_path / "board" / "leaderboard.md").read_text()
    assert note in markdown
    assert "| reals only |" in markdown
    assert "(0)" not in markdown
    (row,) = (line for line in out.splitlines() if line.startswith("lesb"))
    assert "reals only" in row
    assert ">reals only</td>" in (tmp_path / "board" / "leaderboard.html").read_text()
    assert measured(Result.load(tmp_path / "both"), "both").reals == {}
    assert measured(made, "reals", variant="head").reals == {}
