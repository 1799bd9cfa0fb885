"""Readers of foreign bytes, fed what nobody would write: a value or a BenchError, nothing else.

Few examples, always the same; BENCH_FUZZ=1000 runs as many of each kind, drawn anew.
Images, videos and tables are in test_fuzz_media.py.
"""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from lesb_plugin.lfd.artefact import load as load_artefact
from lesb_plugin.lfd.presets import region_preset
from registry.backbones.checkpoint import load_state
from registry.builtin.datasets.deepfakebench.json_files import read_index
from registry.builtin.prepare.layout import read_record
from registry.faces.reader import read_landmarks
from registry.files import read_json
from registry.results.predictions import PREDICTIONS
from registry.results.result import RESULTS, Result, recompute
from registry.scoring.sealed import read_sealed, write_sealed
from registry.settings.load import load_yaml, resolve
from registry.settings.tasks import EvalConfig
from tests.shared.fuzzed import EDITS, NUMBERS, VALUES, WORDS, calmly, damaged, few
from tests.shared.synthetic_run import METRICS, drawn_rows, run_folder

# Of the long run: what a failing example would look like is of no interest while none fails.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@cache
def torch_file() -> bytes:
    stream = io.BytesIO()
    torch.save({"model": {"a.weight": torch.ones(3, 2), "a.bias": torch.ones(3)}}, stream)
    return stream.getvalue()


@cache
def safetensors_file() -> bytes:
    record = json.dumps({"schema": 1, "metadata": {"lfd": {}}})
    return save({"lfd.mean": torch.ones(4)}, metadata={"lesb-plugin artefact": record})


@cache
def npy_file() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ones((68, 2), np.float32))
    return stream.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any]]:
    """predictions.parquet and the record in results.json of a run."""
    folder = tmp_path_factory.mktemp("run")
    run_folder(folder, drawn_rows(people=3), draws=2)
    return (folder / PREDICTIONS).read_bytes(), json.loads((folder / RESULTS).read_text("utf-8"))


@pytest.mark.slow
@few
@given(text=st.text(alphabet="a0:-[]{}&*!|>?,'\"#%@\n <x.", max_size=60) | st.text(max_size=40))
def test_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    calmly(load_yaml, "eval", str(path))
    calmly(resolve, EvalConfig, path)
    calmly(resolve, EvalConfig, None, [f"options={text}"])
    calmly(region_preset, str(path))


@few
@given(values=VALUES)
def test_json_of_any_shape(tmp_path: Path, values: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    for read in (read_json, read_index, read_record, Result.load):
        calmly(read, path)


@few
@given(edits=EDITS, kept=st.floats(0, 1))
def test_weights_artefacts_landmarks_and_chunks_that_are_damaged(
    tmp_path: Path, edits: list[tuple[float, bytes]], kept: float
) -> None:
    path = tmp_path / "a"
    for whole, read in (
        (torch_file(), load_state),
        (safetensors_file(), load_state),
        (safetensors_file(), load_artefact),
        (npy_file(), read_landmarks),
    ):
        path.write_bytes(damaged(whole, edits, kept))
        calmly(read, path)
    write_sealed(tmp_path / "chunk", {"a": np.arange(20.0)})
    whole = (tmp_path / "chunk").read_bytes()
    content = damaged(whole, edits, kept)
    path.write_bytes(content)
    found = read_sealed(path)
    assert found is None or np.array_equal(found["a"], np.arange(20.0))


@few
@given(edits=EDITS, kept=st.floats(0, 1))
def test_predictions_of_damaged_bytes(
    tmp_path: Path, finished: Any, edits: list[tuple[float, bytes]], kept: float
) -> None:
    (tmp_path / PREDICTIONS).write_bytes(damaged(finished[0], edits, kept))
    calmly(recompute, tmp_path, METRICS)


def _paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a tree of JSON; of a list its first."""
    inner = value.items() if isinstance(value, dict) else list(enumerate(value))[:1]
    found = [above] if above else []
    for key, each in inner:
        deeper = isinstance(each, (dict, list))
        found += _paths(each, (*above, key)) if deeper else [(*above, key)]
    return found


@pytest.mark.slow
@few
@given(where=st.floats(0, 0.999), value=VALUES)
def test_results_with_another_value_in_some_place(
    tmp_path: Path, finished: Any, where: float, value: Any
) -> None:
    record = json.loads(json.dumps(finished[1]))
    paths = _paths(record)
    *above, last = paths[int(where * len(paths))]
    inside = record
    for key in above:
        inside = inside[key]
    inside[last] = value
    (tmp_path / RESULTS).write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / PREDICTIONS).write_bytes(finished[0])
    calmly(Result.load, tmp_path)
    assert recompute(tmp_path, METRICS).measurements


COLUMNS = st.sampled_from(
    [
        pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.string(), pa.binary(),
        pa.large_string(), pa.bool_(), pa.date32(), pa.null(), pa.list_(pa.float64()),
        pa.dictionary(pa.int8(), pa.string()), pa.decimal128(5, 2), pa.struct([("a", pa.int8())]),
    ]
)  # fmt: skip


@pytest.mark.slow
@few
@given(where=st.floats(0, 0.999), kind=COLUMNS)
def test_predictions_with_another_column(
    tmp_path: Path, finished: Any, where: float, kind: pa.DataType
) -> None:
    table = pq.ParquetFile(io.BytesIO(finished[0])).read()
    at = int(where * table.num_columns)
    try:
        column = table[at].cast(kind)
    except pa.ArrowException:
        column = pa.nulls(len(table), kind)
    pq.write_table(table.set_column(at, table.column_names[at], column), tmp_path / PREDICTIONS)
    calmly(recompute, tmp_path, METRICS)


@few
@given(where=st.floats(0, 0.999), value=VALUES)
def test_predictions_with_another_value_in_the_settings(
    tmp_path: Path, finished: Any, where: float, value: Any
) -> None:
    table = pq.ParquetFile(io.BytesIO(finished[0])).read()
    record = json.loads(table.schema.metadata[b"bench"])
    paths = _paths(record)
    *above, last = paths[int(where * len(paths))]
    inside = record
    for key in above:
        inside = inside[key]
    inside[last] = value
    changed = table.replace_schema_metadata({b"bench": json.dumps(record)})
    pq.write_table(changed, tmp_path / PREDICTIONS)
    calmly(recompute, tmp_path, METRICS)


@pytest.mark.slow
@few
@given(where=st.tuples(*[st.floats(0, 0.999)] * 2), value=st.none() | NUMBERS | WORDS)
def test_predictions_with_another_value_in_some_cell(
    tmp_path: Path, finished: Any, where: tuple[float, float], value: Any
) -> None:
    table = pq.ParquetFile(io.BytesIO(finished[0])).read()
    at, row = int(where[0] * table.num_columns), int(where[1] * len(table))
    values = table[at].to_pylist()
    values[row] = value
    try:
        column = pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return
    pq.write_table(table.set_column(at, table.column_names[at], column), tmp_path / PREDICTIONS)
    calmly(recompute, tmp_path, METRICS)
