"""`bench audit` from the command line."""

from __future__ import annotations

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest

import lesb_plugin.audit.command
import lesb_plugin.audit.run
from lesb_plugin.audit.conditions import AuditPlan
from lesb_plugin.audit.extended import rows
from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.options import AuditConfig
from registry import ConfigError, Result, resolve
from registry.cli import main
from registry.owner import LOCK
from tests.shared.owners import IN_USE, TAKEN_OVER, leave_lock
from tests.shared.page_checks import faults


class _Outside(HTMLParser):
    """Addresses that a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.others: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href"}:
                (self.pictures if tag == "img" else self.others).append(value or "")


@pytest.fixture
def few(faces: Path, tmp_path: Path) -> Path:
    """A manifest of six people of the manipulated portraits."""
    source = faces / "manipulated"
    with (source / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "dev"]
    people = sorted({row["identity"] for row in rows})[:6]
    manifest = tmp_path / "few" / "manifest.csv"
    manifest.parent.mkdir()
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            if row["identity"] in people:
                for column in ("path", "mask", "landmarks"):
                    row[column] = row[column] and str((source / row[column]).resolve())
                writer.writerow(row)
    return manifest.parent


def audit(dataset: Path, out: Path, *more: str) -> int:
    line = ["audit", "--dataset", str(dataset), "--split", "dev", "--out", str(out), "--quiet"]
    return main([*line, "--draws", "50", *more])


@pytest.mark.slow
def test_one_command_leaves_figures_and_a_page(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(few, tmp_path / "out") == 0
    said = capsys.readouterr().out
    for name in ("right part first", "95 % interval", "  constant part", "Indented are controls"):
        assert name in said
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert 0 <= report["right_part"] <= 1
    first = report["rows"][0]
    assert (first["key"], first["value"]) == ("right_part", report["right_part"])
    assert {"low", "high", "aim", "met", "controls"} <= set(first)
    assert report["localises"] is first["met"]
    assert report["summary"] in said
    assert report["reals"] == 6
    assert sum(report["fakes"].values()) == 18
    assert np.shape(report["auc_matrix"]) == (3, 3)
    keys = {row["key"].partition(".")[0] for row in report["rows"]}
    assert keys >= {
        "restore",
        "insert",
        "stability",
        "sanity",
        "cost",
        "no_part_on_real",
        "reports",
    }
    page = (tmp_path / "out" / "audit.html").read_text()
    assert faults(page) == []
    parser = _Outside()
    parser.feed(page)
    assert len(parser.pictures) > 6
    assert all(address.startswith("data:image/") for address in parser.pictures)
    assert parser.others == []


@pytest.mark.slow
def test_edits_need_real_faces_only_and_rows_can_be_chosen(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--make-edits", "--edits", "2", "--faces", "8", "--only", "right_part,auc_matrix")
    assert audit(faces / "portraits", tmp_path / "out", *more) == 0
    said = capsys.readouterr()
    assert said.err.startswith("auditing detector lesb; --detector names another")
    assert "8 reals and 16 edits of real faces" in said.out
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    keys = {row["key"] for row in report["rows"]}
    assert keys >= {"right_part.blur and colour", "right_part.noise and compression"}
    assert not any("never" in key for key in keys)
    assert {key.partition(".")[0] for key in keys} == {"right_part", "auc_matrix"}


@pytest.mark.slow
def test_an_audit_gives_way_to_one_of_something_else_only_when_asked(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("--only", "redundancy")
    assert audit(few, tmp_path / "out", *line) == 0
    assert audit(few, tmp_path / "out", *line, "--seed", "1") == 0  # the same once more
    before = (tmp_path / "out" / "audit.json").read_bytes()
    assert audit(few, tmp_path / "out", *line, "--detector", "lesb_roi") == 2
    assert "holds a run with detector lesb; choose another --out" in capsys.readouterr().err
    assert audit(few, tmp_path / "out", *line, "--faces", "3") == 2
    assert "holds a run with faces none given" in capsys.readouterr().err
    assert audit(few, tmp_path / "out", "--only", "auc_matrix") == 2
    assert "holds a run with only redundancy" in capsys.readouterr().err
    assert audit(few, tmp_path / "out", "--only", "redundnacy", "--detector", "linear") == 2
    assert "did you mean 'redundancy'?" in capsys.readouterr().err  # the mistake comes first
    assert (tmp_path / "out" / "audit.json").read_bytes() == before
    assert audit(few, tmp_path / "out", *line, "--detector", "lesb_roi", "--overwrite") == 0


@pytest.mark.slow
def test_an_extended_row_is_measured_where_it_is_named(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--detector", "linear", "--explainer", "cam", "--set", "explain.method=gradcam")
    wanted = ("--only", "right_part,shapley,labels", "--extended-faces", "3")
    assert audit(few, tmp_path / "out", *more, *wanted) == 0
    said = capsys.readouterr().out
    assert "an explainer was audited, not the detector's own heads" in said
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    found = {row["key"]: row for row in report["rows"]}
    assert {"right_part", "shapley", "shapley.right_part", "labels"} <= set(found)
    assert found["shapley"]["n"] == 3
    assert found["labels"]["value"] is None


@pytest.mark.slow
def test_extended_rows_that_are_stopped_leave_what_was_measured(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(study: Study) -> NoReturn:
        assert len(study.fakes) == 3
        raise KeyboardInterrupt

    monkeypatch.setattr(rows, "_ROWS", {**rows._ROWS, "cascade": stop})
    wanted = ("--only", "right_part,shapley,cascade,attack", "--extended-faces", "3")
    assert audit(few, tmp_path / "out", *wanted) == 130
    assert "No value for cascade: stopped before it could be measured." in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    found = {row["key"]: row["value"] for row in report["rows"]}
    assert found["right_part"] is not None
    assert found["shapley"] is not None
    assert found["cascade"] is None
    assert found["attack"] is None
    assert report["stopped"]
    assert (tmp_path / "out" / "audit.html").is_file()
    before = (tmp_path / "out" / "audit.json").read_bytes()
    assert audit(few, tmp_path / "out", *wanted) == 130
    assert "stays as it is" in capsys.readouterr().out
    assert (tmp_path / "out" / "audit.json").read_bytes() == before


def test_an_interrupted_audit_says_what_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conditions: list[str] = []

    def interrupted(plan: AuditPlan, **_: object) -> SimpleNamespace:
        conditions.append(plan.condition)
        if plan.condition == "jpeg:3":
            raise KeyboardInterrupt
        return SimpleNamespace(stopped=plan.condition == "resize:2")

    monkeypatch.setattr(lesb_plugin.audit.command, "check_ready", lambda _: None)
    monkeypatch.setattr(lesb_plugin.audit.command, "_audit", interrupted)
    out = tmp_path / "out"
    assert audit(tmp_path, out, "--corrupt", "h264:2,jpeg:3,blur:4") == 130
    assert conditions == ["clean", "h264:2", "jpeg:3"]
    assert capsys.readouterr().err.endswith(
        f"interrupted; finished: {out}, {out / 'corrupted' / 'h264-2'}; not audited: jpeg:3,"
        " blur:4; the same line measures all of them anew\n"
    )
    assert audit(tmp_path, out, "--corrupt", "resize:2,jpeg:3") == 130
    assert capsys.readouterr().err.endswith("not audited: jpeg:3\n")
    monkeypatch.setattr(lesb_plugin.audit.command, "_audit_all", stop)
    assert audit(tmp_path, out) == 130
    said = capsys.readouterr().err
    assert "interrupted; nothing was written, as only the rows of --extended are saved" in said
    assert said.endswith("begins anew, and --faces N or --only ROWS take less time\n")


def stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_one_condition_is_an_audit_of_damaged_frames(few: Path, tmp_path: Path) -> None:
    """AUC and false alarms are those of `bench eval` on the same frames, damaged alike."""
    out = tmp_path / "out"
    assert audit(few, out, "--only", "right_part", "--corrupt", "jpeg:5") == 0
    assert {path.name for path in out.iterdir()} == {"audit.json", "audit.html"}
    line = ["eval", "--dataset", str(few), "--split", "dev", "--detector", "lesb", "--quiet"]
    line += ["--draws", "0", "--metrics", "auc", "--metrics", "false_alarms"]
    found = {}
    for name, more in (("clean", []), ("jpeg", ["--corrupt", "jpeg:5"])):
        assert main([*line, *more, "--out", str(tmp_path / name)]) == 0
        whole = Result.load(tmp_path / name).select(method="all", level="video", variant="lesb")
        found[name] = {each.metric: each.value for each in whole}
    detection = json.loads((out / "audit.json").read_text())["detection"]
    measured = {name: each["value"] for name, each in detection.items()}
    assert measured == pytest.approx(found["jpeg"])
    assert measured != pytest.approx(found["clean"])


@pytest.mark.slow
def test_several_conditions_are_an_audit_each_and_a_table_and_a_plot(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, more = tmp_path / "out", ("--only", "right_part", "--detector", "lesb_roi")
    assert audit(few, out, *more, "--corrupt", "h264:2,blur:5") == 0
    printed = capsys.readouterr().out
    rows = {row["condition"]: row for row in json.loads((out / "corrupted.json").read_text())}
    assert list(rows) == ["clean", "h264:2", "blur:5"]
    folders = [out, out / "corrupted" / "h264-2", out / "corrupted" / "blur-5"]
    for (condition, row), folder in zip(rows.items(), folders, strict=True):
        report = json.loads((folder / "audit.json").read_text())
        assert report["config"]["corrupt"] == ([] if condition == "clean" else [condition])
        assert row["figures"]["right_part"]["value"] == report["right_part"]
        assert row["figures"]["auc"]["value"] == report["detection"]["auc"]["value"]
        assert row["figures"]["false_alarms"]["count"] == report["reals"]
        (cells,) = re.findall(rf"^{condition} .*$", printed, re.M)
        assert f" {report['right_part']:.3f} [" in cells
        assert (folder / "audit.html").is_file()
    assert rows["h264:2"]["dose"] == "CRF 28"
    values = [row["figures"]["auc"]["value"] for row in rows.values()]
    assert len(set(values)) > 1
    page = (out / "corrupted.html").read_text("utf-8")
    assert faults(page) == []
    assert page.count('class="curve"') == 3 * 2  # three figures, two corruptions
    assert audit(few, out, *more, "--corrupt", "jpeg:3") == 2  # the folder is of other audits
    assert "holds a run with" in capsys.readouterr().err
    alone = tmp_path / "alone"
    assert audit(few, alone, *more, "--corrupt", "h264:2") == 0
    one = json.loads((alone / "audit.json").read_text())
    assert one["right_part"] == rows["h264:2"]["figures"]["right_part"]["value"]


def test_an_audit_under_several_conditions_is_not_the_one_to_keep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(tmp_path, tmp_path / "out", "--keep", "--corrupt", "h264") == 2
    assert "--corrupt names 5 conditions" in capsys.readouterr().err
    assert audit(tmp_path, tmp_path / "out", "--corrupt", "h264:9") == 2
    assert "severity of 1 to 5" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--only", "right_prat"), "did you mean 'right_part'?"),
        (("--explainer", "cma"), "no explainer named 'cma'"),
        (("--detector", "linear"), "--explainer"),
        (("--regions", "eyes_nose"), "no configuration 'eyes_nose'"),
        (("--set", "explain.method=layercam"), "name it with --explainer"),
        (("--explainer", "cam", "--set", "explain.method=layercm"), "did you mean 'layercam'?"),
    ],
)
def test_what_cannot_be_audited_is_told(
    more: tuple[str, ...], told: str, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(few, tmp_path / "out", *more) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_reals_alone_are_refused(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(faces / "portraits", tmp_path / "out", "--faces", "4") == 2
    assert "the data has no fake" in capsys.readouterr().err


def test_defaults_are_the_shipped_detector() -> None:
    config = resolve(AuditConfig)
    assert (config.detector, config.backbone, config.explainer) == ("lesb", "sbi_efflite0", None)


def test_rows_are_the_same_however_they_are_separated() -> None:
    together, listed = AuditConfig(only=("restore, cost",)), AuditConfig(only=("restore", "cost"))
    assert together == listed
    assert together.wanted_rows == {"restore", "cost"}
    assert {"right_part", "cost"} <= AuditConfig().wanted_rows


def test_a_folder_belongs_to_one_audit_while_its_process_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def try_again(config: AuditConfig) -> NoReturn:
        assert (out / LOCK).is_file()
        before = capsys.readouterr().err
        assert audit(tmp_path, out) == 2
        assert IN_USE.search(capsys.readouterr().err)
        sys.stderr.write(before)
        raise ConfigError("the first one ends here")

    monkeypatch.setattr(lesb_plugin.audit.command, "check_ready", lambda _: None)
    monkeypatch.setattr(lesb_plugin.audit.run, "run_audit", try_again)
    assert audit(tmp_path, out) == 2
    printed = capsys.readouterr().err
    assert "the first one ends here" in printed
    assert not TAKEN_OVER.search(printed)
    assert not out.exists()
    leave_lock(out)
    assert audit(tmp_path, out) == 2
    printed = capsys.readouterr().err
    assert TAKEN_OVER.search(printed)
    assert "the first one ends here" in printed
    assert list(out.iterdir()) == []
