"""Turn finished chunks into the rows of predictions.parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.contracts.detector import Detector, EmbeddingDetector
from registry.errors import guarded
from registry.plugins.specs import DetectorSpec
from registry.results.predictions import OK, SHARPNESS, predictions_table
from registry.scoring.chunks import Chunk, Unit
from registry.scoring.scorer import score_columns

__all__ = ["rows_of"]

Columns = Mapping[str, NDArray[Any]]


def rows_of(
    chunks: Iterable[tuple[Sequence[Unit], Chunk]], detector: Detector, spec: DetectorSpec
) -> pa.Table:
    """Make the table of all chunks; embeddings are scored here, chunk by chunk."""
    tables = [_table(units, chunk, _scores(chunk, detector, spec)) for units, chunk in chunks]
    # A chunk without a readable frame has no columns of variants and parts: filled with null.
    return pa.concat_tables(tables, promote_options="default")


def _scores(chunk: Chunk, detector: Detector, spec: DetectorSpec) -> Columns:
    """Return checked scores of the chunk's rows that are ok."""
    if not isinstance(detector, EmbeddingDetector):
        return {name: array for name, array in chunk.values.items() if name != SHARPNESS}
    count = int((chunk.status == OK).sum())
    if count == 0:
        return {}
    name = f"detector {spec.name!r}"
    embeddings = np.asarray(chunk.values["embedding"], dtype=np.float32)
    scores = guarded(name, spec.source, detector.score_embeddings, embeddings)
    return score_columns(scores, count, name)


def _table(units: Sequence[Unit], chunk: Chunk, scores: Columns) -> pa.Table:
    status = chunk.status.astype(object)
    ok = np.flatnonzero(status == OK)
    quality = np.full(len(status), np.nan)
    quality[ok] = chunk.values.get(SHARPNESS, np.nan)
    if scores:
        finite = np.logical_and.reduce([np.isfinite(array) for array in scores.values()])
        status[ok[~finite]] = "score is not finite"
        scores = {name: array[finite] for name, array in scores.items()}
        ok = ok[finite]
    faceless = (chunk.box == 0).all(axis=1)
    columns: dict[str, Any] = {
        **_ids([units[at] for at in chunk.unit]),
        "face": chunk.face,
        "status": list(status),
        SHARPNESS: pa.array(quality, mask=np.isnan(quality)),
    }
    for name, side in zip(("x0", "y0", "x1", "y1"), chunk.box.T, strict=True):
        columns[name] = pa.array(side, mask=faceless)
    for name, array in scores.items():
        spread = np.zeros(len(status), dtype=np.float64)
        spread[ok] = array
        columns[name] = pa.array(spread, mask=status != OK)
    return predictions_table(columns)


def _ids(units: Sequence[Unit]) -> dict[str, list[Any]]:
    videos = [unit.video for unit in units]
    return {
        "dataset": [video.dataset for video in videos],
        "video": [video.id for video in videos],
        "frame": [unit.frame.index for unit in units],
        "identity": [video.identity for video in videos],
        "label": [video.label for video in videos],
        "method": [video.method for video in videos],
        "region": [video.region for video in videos],
        "split": [video.split for video in videos],
        "path": [str(unit.frame.path) for unit in units],
        "listed": [unit.frame.listed for unit in units],
    }
