"""Tables that other programs have written again are the same tables, or one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.errors import DataError
from registry.results.predictions import PREDICTIONS, read_predictions, write_predictions
from tests.shared.synthetic_run import drawn_rows, settings, table

KINDS: dict[str, Any] = {
    "large strings": lambda f: pa.large_string() if pa.types.is_string(f.type) else f.type,
    "views": lambda f: pa.string_view() if pa.types.is_string(f.type) else f.type,
    "dictionaries": lambda f: (
        pa.dictionary(pa.int32(), f.type) if pa.types.is_string(f.type) else f.type
    ),
    "wide numbers": lambda f: pa.int64() if pa.types.is_integer(f.type) else f.type,
    "floats for whole numbers": lambda f: pa.float64() if pa.types.is_integer(f.type) else f.type,
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_predictions(tmp_path / PREDICTIONS, table(drawn_rows()), settings())
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_other_types_of_the_same_values_are_the_same_table(run: Path, kind: str) -> None:
    before, _ = read_predictions(run)
    stored = pq.ParquetFile(run / PREDICTIONS).read()
    fields = [pa.field(each.name, KINDS[kind](each)) for each in stored.schema]
    changed = stored.cast(pa.schema(fields, metadata=stored.schema.metadata))
    pq.write_table(changed, run / PREDICTIONS)
    after, _ = read_predictions(run)
    assert after.equals(before)


def test_the_order_of_columns_and_columns_of_others_mean_nothing(run: Path) -> None:
    before, _ = read_predictions(run)
    stored = pq.ParquetFile(run / PREDICTIONS).read()
    index = pa.array(range(len(stored)))
    changed = stored.select(stored.column_names[::-1]).append_column("__index_level_0__", index)
    pq.write_table(changed.replace_schema_metadata(stored.schema.metadata), run / PREDICTIONS)
    after, _ = read_predictions(run)
    assert after.select(before.column_names).equals(before)


@pytest.mark.parametrize("words", [("real", "fake"), ("0", "1"), ("Real", " FAKE"), (False, True)])
def test_labels_as_words_are_labels(run: Path, words: tuple[Any, Any]) -> None:
    before, _ = read_predictions(run)
    _set(run, "label", [words[label] for label in before["label"].to_pylist()])
    after, _ = read_predictions(run)
    assert after.equals(before)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("label", "maybe", "'label' is of type string"),
        ("label", 2, r"labels must be 0 \(real\) or 1 \(fake\)"),
        ("label", None, "1 empty cells|empty cells"),
        ("frame", 0.5, "'frame'"),
        ("frame", 2**40, "'frame'"),
        ("fake", "much", "'fake'"),
        ("fake", [0.5], "'fake'"),
        ("fake", 5.79, r"fake is 5.79; scores must be in \[0, 1\]"),
        ("fake", -0.1, r"scores must be in \[0, 1\]"),
        ("video", 7, "'video'"),
        ("status", {"a": 1}, "'status'"),
    ],
)
def test_what_cannot_be_the_column_is_one_sentence_with_its_name(
    run: Path, column: str, value: Any, reason: str
) -> None:
    _set(run, column, [value] * len(read_predictions(run)[0]))
    with pytest.raises(DataError, match=reason):
        read_predictions(run)


def test_a_column_that_stands_twice_is_refused(run: Path) -> None:
    stored = pq.ParquetFile(run / PREDICTIONS).read()
    twice = stored.append_column("label", stored["label"])
    pq.write_table(twice, run / PREDICTIONS)
    with pytest.raises(DataError, match=r"'label'.* twice"):
        read_predictions(run)


def test_folders_that_look_like_partitions_or_protocols_are_folders(tmp_path: Path) -> None:
    for name in ("frames=8", "s3:x", "file:y", "12:30"):
        folder = tmp_path / name
        write_predictions(folder / PREDICTIONS, table(drawn_rows()), settings())
        assert "frames" not in read_predictions(folder)[0].column_names


def _set(run: Path, name: str, values: list[Any]) -> None:
    stored = pq.ParquetFile(run / PREDICTIONS).read()
    column = pa.array(np.array(values) if isinstance(values[0], bool) else values)
    changed = stored.set_column(stored.column_names.index(name), name, column)
    pq.write_table(changed, run / PREDICTIONS)
