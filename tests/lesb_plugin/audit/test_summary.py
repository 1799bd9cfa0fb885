"""`bench audit --keep`: the first figures of an audit, beside the artefact that they are of."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.audit.rows.row import Aim, Row
from lesb_plugin.audit.summary import check_can_keep, summary_of
from lesb_plugin.weights import WEIGHTS_SHA256
from lesb_plugin.weights.shipped import shipped_artefact
from registry import ConfigError, DataError
from registry.cli import main
from registry.results.audit_summary import audit_file
from tests.shared.calibrated_grey import installed


def few(faces: Path, folder: Path, kinds: frozenset[str]) -> Path:
    """A manifest of six people of the manipulated portraits, with fakes of these kinds."""
    source = faces / "manipulated"
    with (source / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "dev"]
    people = sorted({row["identity"] for row in rows})[:6]
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            if row["identity"] in people and (row["label"] == "0" or row["region"] in kinds):
                for column in ("path", "mask", "landmarks"):
                    row[column] = row[column] and str((source / row[column]).resolve())
                writer.writerow(row)
    return folder


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    folder = tmp_path / "fitted"
    folder.mkdir()
    return Path(shutil.copy(shipped_artefact("lesb"), folder / "artefact.safetensors"))


def audit(dataset: Path, artefact: Path, out: Path, *more: str) -> int:
    line = ["audit", "--detector", "lesb", "--artefact", str(artefact.parent), "--split", "dev"]
    line += ["--dataset", str(dataset), "--out", str(out), "--quiet", "--keep"]
    return main([*line, "--draws", "200", "--only", "right_part,auc_matrix,redundancy", *more])


@pytest.mark.slow
def test_what_is_kept_are_the_figures_of_the_audit_and_reports_say_them(
    faces: Path, tmp_path: Path, artefact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashlib.sha256(artefact.read_bytes()).hexdigest()
    data = few(faces, tmp_path / "few", frozenset({"eyes", "nose", "mouth"}))
    assert audit(data, artefact, tmp_path / "out") == 0
    kept_at = artefact.with_name("artefact.audit.json")
    assert f"kept:    {kept_at}" in capsys.readouterr().out
    assert hashlib.sha256(artefact.read_bytes()).hexdigest() == before

    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    rows = {row["key"]: row for row in report["rows"]}
    kept = json.loads(kept_at.read_text())
    first = rows["right_part"]
    assert kept["right_part"] == {
        **{name: first[name] for name in ("value", "low", "high")},
        "control": first["controls"]["constant part"]["value"],
    }
    assert kept["groups"] == {}  # six fakes of a kind cannot tell
    assert "undecided" in rows["right_part.warps"]
    assert kept["auc_diagonal"]["value"] == rows["auc_matrix.diagonal"]["value"]
    assert kept["redundancy"]["single_part"]["value"] == rows["redundancy.single_part"]["value"]
    assert (kept["artefact_sha256"], kept["weights_sha256"]) == (before, WEIGHTS_SHA256)
    assert (kept["datasets"], kept["split"], kept["reals"]) == (["few"], "dev", 6)
    assert str(tmp_path) not in kept_at.read_text()

    with (data / "manifest.csv").open() as file:
        face = next(csv.DictReader(file))["path"]
    line = ["predict", face, "--detector", "lesb", "--crop-from", "frame"]
    assert main([*line, "--artefact", str(artefact)]) == 0
    said = capsys.readouterr().err
    assert (f"first in {100 * first['value']:.0f} % [" in said) is report["localises"]
    no_place = "the part scores of lesb do not show where a face was changed"
    assert (no_place in said) is not report["localises"]
    assert f"the whole audit: {kept_at}" in said


@pytest.mark.slow
def test_without_a_fake_that_has_one_changed_part_there_is_nothing_to_keep(
    faces: Path, tmp_path: Path, artefact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = few(faces, tmp_path / "few", frozenset({"face"}))
    assert audit(data, artefact, tmp_path / "out", "--only", "right_part,agreement") == 2
    assert (
        "there is no audit to keep: no fake has exactly one changed part" in capsys.readouterr().err
    )
    assert not audit_file(artefact).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detector", "told"),
    [
        ("linear", "detector 'linear' scores no parts of a face"),
        ("calibrated_grey", "detector 'calibrated_grey' has no artefact to keep an audit with"),
    ],
)
def test_a_detector_with_nothing_to_keep_is_told_before_any_work(
    detector: str,
    told: str,
    faces: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = few(faces, tmp_path / "few", frozenset({"mouth"}))
    line = ["audit", "--detector", detector, "--dataset", str(data), "--split", "dev", "--keep"]
    with installed(tmp_path / "site", monkeypatch):
        assert main([*line, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out" / "audit.json").exists()


def audited(**counts: int) -> Any:
    """An audit of rows `right_part` and below it, of so many fakes, a third of them by chance."""
    rows = tuple(
        Row(
            key=f"right_part.{name}".removesuffix(".first"),
            title=name,
            n=count,
            figure=Figure(0.6, 0.5, 0.7),
            aim=Aim(above=CONSTANT),
            controls={CONSTANT: Figure(1 / 3)},
        )
        for name, count in counts.items()
    )
    record = dict.fromkeys(("weights_sha256", "artefact_sha256", "data_fingerprint"), "ab")
    return SimpleNamespace(
        rows=rows,
        first=rows[0],
        config=AuditConfig(),
        found=SimpleNamespace(names=("eyes", "nose", "mouth")),
        record={**record, "datasets": ["few"], "reals": 9, "fakes": {"": sum(counts.values())}}
        | {"identities": 9, "created": "2026-01-01", "version": "0"},
    )


def test_kinds_of_change_are_kept_where_their_fakes_can_tell() -> None:
    summary = summary_of(audited(first=30, warps=12, transplants=9, flagged=20))
    assert set(summary.groups) == {"warps"}
    with pytest.raises(DataError, match=r"no audit to keep: 9 faces are too few .*audit more"):
        summary_of(audited(first=9))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (AuditConfig(explainer="cam"), "not one of explainer 'cam'"),
        (AuditConfig(draws=0), "needs intervals"),
        (AuditConfig(only=("auc_matrix,redundancy",)), "needs the row right_part"),
    ],
)
def test_what_says_nothing_of_part_scores_is_not_kept(config: AuditConfig, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_can_keep(config)
    check_can_keep(AuditConfig(only=("cost", "redundancy,right_part")))
    check_can_keep(AuditConfig(only=("redundancy, right_part",)))
