"""What a finished table of predictions says of each video beside the real faces that a fit kept."""

from __future__ import annotations

from statistics import median

import numpy as np
import pyarrow as pa

from registry.contracts.detector import CalibratedDetector, Detector, QualityCalibratedDetector
from registry.results.aggregation import aggregate
from registry.results.conformal import FEWEST_REALS, like_p
from registry.results.predictions import CONFORMAL, OK, SHARPNESS, Settings

__all__ = ["with_conformal"]


def with_conformal(table: pa.Table, settings: Settings, detector: Detector) -> pa.Table:
    """Fill the column `conformal`: p of each row's video, null where nothing is comparable.

    A detector that keeps no real faces leaves the table as it is. A video is its mean score and the
    median sharpness of its faces.
    """
    if not isinstance(detector, CalibratedDetector) or OK not in table["status"].to_pylist():
        return table
    reals = np.asarray(detector.val_reals.fake, np.float64)
    if len(reals) < FEWEST_REALS:
        return table
    sharpness = detector.val_sharpness if isinstance(detector, QualityCalibratedDetector) else None
    quality = _median_sharpness(table)
    if not quality:
        sharpness = None
    videos = aggregate(table, settings)["video"]
    keys = list(zip(videos.dataset, videos.video, strict=True))
    own = np.array([quality.get(key, np.nan) for key in keys])
    p = like_p(videos.scores[settings.detector], own, reals, sharpness)
    of_video = dict(zip(keys, p.tolist(), strict=True))
    names = ("dataset", "video", "status")
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    values = np.array(
        [of_video[dataset, video] if status == OK else np.nan for dataset, video, status in rows]
    )
    column = pa.array(values, pa.float64(), mask=np.isnan(values))
    return table.set_column(table.column_names.index(CONFORMAL), CONFORMAL, column)


def _median_sharpness(table: pa.Table) -> dict[tuple[str, str], float]:
    """Of the scored faces of each video, where it is known."""
    found: dict[tuple[str, str], list[float]] = {}
    names = ("dataset", "video", SHARPNESS)
    for dataset, video, value in zip(*(table[n].to_pylist() for n in names), strict=True):
        if value is not None:
            found.setdefault((dataset, video), []).append(value)
    return {key: median(values) for key, values in found.items()}
