"""Numbers that somebody has edited never look like the evaluation's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.cli import main
from registry.errors import ConfigError
from registry.files import file_sha256
from registry.results.predictions import PREDICTIONS
from registry.results.result import RESULTS, Result, recompute
from tests.shared.synthetic_run import METRICS, drawn_rows, run_folder


def finished(folder: Path, dataset: str = "CDF") -> Path:
    """A run folder as `bench eval` leaves it."""
    made = run_folder(folder, drawn_rows(dataset), draws=5)
    origin = replace(
        made.provenance,
        predictions_sha256=file_sha256(folder / PREDICTIONS),
        config={"reporters": []},
    )
    replace(made, provenance=origin).save(folder)
    return folder


def edit_scores(run: Path) -> None:
    """All fakes get 1: a perfect detector."""
    table = pq.ParquetFile(run / PREDICTIONS).read()
    scores = [
        1.0 if label and score is not None else score
        for label, score in zip(table["label"].to_pylist(), table["fake"].to_pylist(), strict=True)
    ]
    at = table.column_names.index("fake")
    pq.write_table(table.set_column(at, "fake", pa.array(scores)), run / PREDICTIONS)


def edit_auc(run: Path, value: float = 0.999) -> None:
    record = json.loads((run / RESULTS).read_text("utf-8"))
    for each in record["measurements"]:
        if each["metric"] == "auc":
            each["value"] = value
    (run / RESULTS).write_text(json.dumps(record))


def test_a_report_of_what_was_not_changed_agrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(finished(tmp_path))]) == 0
    assert "agrees exactly" in capsys.readouterr().out


@pytest.mark.slow
def test_writing_the_report_anew_does_not_launder_changed_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path)
    wrote = file_sha256(run / PREDICTIONS)
    edit_scores(run)
    assert main(["report", str(run)]) == 1
    assert "was changed after the evaluation" in capsys.readouterr().out
    assert main(["report", str(run), "--write"]) == 0
    for _ in range(2):
        assert main(["report", str(run)]) == 1
        assert "was changed after the evaluation" in capsys.readouterr().out
        main(["report", str(run), "--write"])
    stored = Result.load(run)
    assert stored.provenance.predictions_sha256 == wrote
    (note,) = (note for note in stored.notes if "was changed" in note)
    assert wrote[:12] in note


def test_the_leaderboard_publishes_what_the_predictions_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine")
    true = recompute(run, METRICS).select(metric="auc", level="video", method="all")[0].value
    assert true is not None
    edit_auc(run)
    assert main(["leaderboard", str(run), "--out", str(tmp_path / "board")]) == 0
    assert "results.json differs from its predictions" in capsys.readouterr().err
    text = (tmp_path / "board" / "leaderboard.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if "(mine)" in line)
    assert f"{100 * true:.2f}" in row
    assert "99.90" not in row


def test_the_leaderboard_marks_rows_that_rest_on_other_predictions_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed, lost = finished(tmp_path / "changed"), finished(tmp_path / "lost")
    edit_scores(changed)
    (lost / PREDICTIONS).unlink()
    board = tmp_path / "board"
    assert main(["leaderboard", str(changed), str(lost), "--out", str(board)]) == 0
    err = capsys.readouterr().err
    assert "changed: predictions.parquet was changed after the evaluation" in err
    assert "lost: its numbers could not be recomputed: " in err
    assert f"{lost} holds results.json, but not predictions.parquet" in err
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.html"):
        text = (board / name).read_text("utf-8")
        assert "run changed (its predictions were changed after the evaluation)" in text
        assert "run lost (not recomputed: the predictions cannot be read)" in text


def test_names_of_data_sets_and_methods_are_no_markup_and_no_formula(tmp_path: Path) -> None:
    name = "=HYPERLINK(1)<script>alert(1)</script>|x"
    run = finished(tmp_path / "run", name)
    board = tmp_path / "board"
    assert main(["leaderboard", str(run), "--out", str(board)]) == 0
    markdown = (board / "leaderboard.md").read_text("utf-8")
    assert "<script>" not in markdown
    assert "&lt;script&gt;" in markdown
    assert "\\|x" in markdown
    header = (board / "leaderboard.csv").read_text("utf-8").splitlines()[0]
    assert "'=HYPERLINK(1)" in header
    assert ",=" not in header.replace('"', "")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("settings", "draws"), -1),
        (("settings", "draws"), 10**12),
        (("settings", "levels"), ["face"]),
        (("settings", "profile"), "mine"),
        (("settings", "groups"), [{"name": "a"}]),
        (("measurements",), None),
        (("measurements",), [{"value": 1}]),
        (("counts",), [1]),
        (("notes",), [None]),
        (("provenance",), []),
        (("provenance", "timing"), {"score": "long"}),
        (("provenance", "backbone"), {"name": 1}),
        (("provenance", "crop"), "sbi"),
        (("schema",), "1"),
        (("schema",), {}),
    ],
)
def test_values_of_other_types_are_one_sentence_and_the_predictions_still_count(
    tmp_path: Path, path: tuple[str, ...], value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path)
    record = json.loads((run / RESULTS).read_text("utf-8"))
    inside = record
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    (run / RESULTS).write_text(json.dumps(record))
    assert main(["report", str(run)]) == 1
    out = capsys.readouterr().out
    assert "results.json differs" in out
    assert "rewrites it from predictions.parquet" in out or "has schema" in out


def test_settings_without_a_metric_are_a_reason(tmp_path: Path) -> None:
    run = finished(tmp_path)
    table = pq.ParquetFile(run / PREDICTIONS).read()
    record = json.loads(table.schema.metadata[b"bench"])
    record["settings"]["metrics"] = []
    pq.write_table(table.replace_schema_metadata({b"bench": json.dumps(record)}), run / PREDICTIONS)
    with pytest.raises(ConfigError, match="no metrics to compute"):
        recompute(run, METRICS)
