"""predictions.parquet: what goes in comes out, and what cannot be right does not go in."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.errors import DataError
from registry.results.predictions import (
    PREDICTIONS,
    predictions_table,
    read_predictions,
    score_columns,
    write_predictions,
)
from tests.shared.synthetic_run import drawn_rows, failed, row, settings, table


def test_table_and_settings_come_back_exactly(tmp_path: Path) -> None:
    written = table(drawn_rows())
    chosen = settings(seed=7, metrics=("auc", "theirs"), levels=("video",))
    write_predictions(tmp_path / PREDICTIONS, written, chosen)
    for place in (tmp_path, tmp_path / PREDICTIONS):
        found, found_settings = read_predictions(place)
        assert found.equals(written)
        assert found_settings == chosen


def test_a_third_party_can_read_the_file_with_pyarrow_alone(tmp_path: Path) -> None:
    write_predictions(tmp_path / PREDICTIONS, table([row(fake=0.1 + 0.2)]), settings())
    assert pq.read_table(tmp_path / PREDICTIONS)["fake"].to_pylist() == [0.1 + 0.2]


def test_identity_region_and_box_may_be_left_out() -> None:
    needed = {k: [v] for k, v in row().items() if k not in {"identity", "region", "x0", "y0"}}
    made = predictions_table(needed)
    assert made["identity"].to_pylist() == [None]
    assert made.column_names[:4] == ["dataset", "video", "frame", "face"]


def test_score_columns_are_the_detector_its_variants_and_parts() -> None:
    made = table([row(fake_head=0.1, p_eyes=0.2)])
    assert score_columns(made) == ["fake", "fake_head", "p_eyes"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(label=2)], r"labels must be 0 \(real\) or 1 \(fake\), not \[2\]"),
        ([row(fake=float("nan"))], "fake is nan in a row of status 'ok'"),
        ([row(fake=None)], "fake is None in a row of status 'ok'"),
        ([row(), row(video="w", fake=float("inf"))], r"fake is inf .*\(faces/w\)"),
        ([failed("unreadable", fake=0.4)], "fake is 0.4 in a row of status 'unreadable'"),
        ([row(p_eyes=None)], "p_eyes is None"),
        ([row(method=None)], "column 'method' has 1 empty cells"),
        ([row(frame="first")], "do not fit the columns"),
        ([row(fakeness=0.1)], r"no such column in predictions.parquet: \['fakeness'\]"),
    ],
)
def test_rows_that_cannot_be_right_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(rows)


def test_a_missing_column_is_named() -> None:
    columns = {name: [value] for name, value in row().items() if name != "video"}
    with pytest.raises(DataError, match=r"lacks the columns \['video'\]"):
        predictions_table(columns)


def test_columns_of_unequal_length_are_refused() -> None:
    columns = {name: [value] for name, value in row().items()}
    with pytest.raises(DataError, match="do not fit"):
        predictions_table({**columns, "video": ["a", "b"]})


def test_no_rows_are_a_table_too(tmp_path: Path) -> None:
    made = predictions_table({name: [] for name in row()})
    write_predictions(tmp_path / PREDICTIONS, made, settings())
    assert len(read_predictions(tmp_path)[0]) == 0


def test_an_unwritable_folder_is_a_data_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write .*file.*; choose a writable folder"):
        write_predictions(tmp_path / "file" / PREDICTIONS, table([row()]), settings())


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / PREDICTIONS
    write_predictions(path, table([row(fake=0.25)]), settings())

    def full_disk(table: pa.Table, where: IO[bytes], **options: Any) -> None:
        where.write(b"half a fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(DataError, match="No space left on device"):
        write_predictions(path, table([row(fake=0.75)]), settings())
    assert [each.name for each in tmp_path.iterdir()] == [PREDICTIONS]
    assert read_predictions(tmp_path)[0]["fake"].to_pylist() == [0.25]


def test_what_is_not_such_a_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run folder of `bench eval`"):
        read_predictions(tmp_path)
    path = tmp_path / PREDICTIONS
    write_predictions(path, table(drawn_rows()), settings())
    whole = path.read_bytes()
    half = len(whole) // 2
    for content, what in {
        whole[:half]: f"is cut short: it ends after {half:,} bytes, within a table; copy it again",
        b"": "is empty; copy",
        b"half a file": "is not a Parquet file; copy",
        whole[:half] + b"PAR1": "is damaged; copy",
    }.items():
        path.write_bytes(content)
        with pytest.raises(DataError) as refused:
            read_predictions(tmp_path)
        assert str(refused.value).startswith(f"{path} {what}")
        assert f"--out {tmp_path}" in str(refused.value)
    pq.write_table(pa.table({"fake": [0.5]}), path)
    with pytest.raises(DataError, match="its settings are missing"):
        read_predictions(tmp_path)


def test_a_file_of_another_format_says_which_version_to_use(tmp_path: Path) -> None:
    record = b'{"format": 99, "settings": {}}'
    pq.write_table(
        table([row()]).replace_schema_metadata({b"bench": record}), tmp_path / PREDICTIONS
    )
    with pytest.raises(DataError, match="has format 99, and this version of bench reads 1"):
        read_predictions(tmp_path)
