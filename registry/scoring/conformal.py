"""Compare each video in a finished table of predictions with the real faces that a fit kept."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
import pyarrow as pa

from registry.contracts.detector import CalibratedDetector, Detector, QualityCalibratedDetector
from registry.results.aggregation import variant_columns
from registry.results.conformal import FEWEST_REALS
from registry.results.frame_runs import scan
from registry.results.predictions import CONFORMAL, OK, SHARPNESS, Settings
from registry.results.real_scores import RealScores

__all__ = ["with_conformal"]


def with_conformal(table: pa.Table, settings: Settings, detector: Detector) -> pa.Table:
    """Fill the column `conformal`: p of each row's video, null if nothing is comparable.

    A detector that keeps no real faces leaves the table as it is. As a report does, it looks for
    runs of frames, and compares with reals as sharp as the median of the faces with the highest
    score of each frame.
    """
    if not isinstance(detector, CalibratedDetector) or OK not in table["status"].to_pylist():
        return table
    reals = np.asarray(detector.val_reals.fake, np.float64)
    if len(reals) < FEWEST_REALS:
        return table
    sharpness = detector.val_sharpness if isinstance(detector, QualityCalibratedDetector) else None
    compared = RealScores(name="", fake=reals, parts={}, sharpness=sharpness)
    p = {key: _p(best, compared) for key, best in _best_faces(table, settings).items()}
    names = ("dataset", "video", "status")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    values = [p[dataset, video] if status == OK else None for dataset, video, status in rows]
    column = pa.array(values, pa.float64())
    return table.set_column(table.column_names.index(CONFORMAL), CONFORMAL, column)


def _p(best: Sequence[tuple[float, float | None]], reals: RealScores) -> float | None:
    """Return p for the score and the sharpness of each frame's highest face."""
    known = [sharp for _, sharp in best if sharp is not None]
    like = reals.like(median(known) if known else None)
    return None if like is None else scan(np.array([fake for fake, _ in best]), like.fake).p


def _best_faces(
    table: pa.Table, settings: Settings
) -> dict[tuple[str, str], list[tuple[float, float | None]]]:
    """Return score and sharpness of each frame's highest face, in the order of frames, by video."""
    column = variant_columns(table, settings.detector)[settings.detector]
    best: dict[tuple[str, str], dict[int, tuple[float, float | None]]] = {}
    names = ("dataset", "video", "frame", "status", column, SHARPNESS)
    for dataset, video, frame, status, fake, sharp in zip(
        *(table[name].to_pylist() for name in names), strict=True
    ):
        frames = best.setdefault((dataset, video), {}) if status == OK else {}
        if status == OK and (frame not in frames or fake > frames[frame][0]):
            frames[frame] = (fake, sharp)
    return {key: [frames[at] for at in sorted(frames)] for key, frames in best.items()}
