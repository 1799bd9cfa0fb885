"""Metrics with intervals, and counts, of a table of predictions: the same for eval and report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.aggregation import Units, aggregate
from registry.bootstrap import Interval, interval, no_interval_because, resample
from registry.boundary import guarded
from registry.errors import UndefinedMetricError, UnknownNameError
from registry.predictions import OK, Settings
from registry.specs import MetricSpec

__all__ = ["ALL_METHODS", "Count", "Measurement", "count", "summarise"]

ALL_METHODS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One metric of one variant on one data set, against all fakes or those of one method.

    `value` None means that the metric has none, `low` and `high` None that there is no 95 %
    interval; `reason` says why. `reals` and `fakes` count videos or, at level "frame", frames.
    """

    dataset: str
    method: str
    variant: str
    level: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    reason: str
    reals: int
    fakes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the measurements of a data set and method rest on: that method's fakes and all reals.

    `reals` and `fakes` are videos with a score, `frames` and `faces` those with a score, `errors`
    counts rows without one by their reason; `left_out` are videos without any scored frame.
    """

    dataset: str
    method: str
    reals: int
    fakes: int
    frames: int
    faces: int
    errors: Mapping[str, int]
    left_out: int


def summarise(
    table: pa.Table, settings: Settings, metrics: Mapping[str, MetricSpec]
) -> tuple[Measurement, ...]:
    """Every metric of `settings` at its levels: by variant, data set, method, level and metric.

    `metrics` maps names to specs. A method is measured against all reals of its data set.
    """
    for name in settings.metrics:
        if name not in metrics:
            raise UnknownNameError("metric", name, metrics)
    specs = [metrics[name] for name in settings.metrics]
    units = aggregate(table, settings)
    found: list[Measurement] = []
    for dataset, method in _groups(table):
        videos, frames = (_subset(units[level], dataset, method) for level in ("video", "frame"))
        at = {"video": _measure(videos, dataset, method, "video", specs, settings)}
        if len(frames) == len(videos):
            at["frame"] = [replace(each, level="frame") for each in at["video"]]
        elif "frame" in settings.levels:
            at["frame"] = _measure(frames, dataset, method, "frame", specs, settings)
        found += [each for level in settings.levels for each in at[level]]
    variants = list(units["video"].scores)
    return tuple(sorted(found, key=lambda each: variants.index(each.variant)))


def count(table: pa.Table) -> tuple[Count, ...]:
    """Counts in the order of the measurements' data sets and methods."""
    return tuple(_count(_rows(table, *group), *group) for group in _groups(table))


def _groups(table: pa.Table) -> Iterator[tuple[str, str]]:
    """Data sets by name; in each "all", then the named methods of its fakes."""
    fakes = table.filter(pc.equal(table["label"], 1))
    for dataset in sorted(pc.unique(table["dataset"]).to_pylist()):
        yield dataset, ALL_METHODS
        own = fakes.filter(pc.equal(fakes["dataset"], dataset))
        for method in sorted(pc.unique(own["method"]).to_pylist()):
            if method:
                yield dataset, method


def _subset(units: Units, dataset: str, method: str) -> Units:
    chosen = units.dataset == dataset
    if method != ALL_METHODS:
        chosen &= (units.label == 0) | (units.method == method)
    return units.take(chosen)


def _measure(
    units: Units,
    dataset: str,
    method: str,
    level: str,
    metrics: Sequence[MetricSpec],
    settings: Settings,
) -> list[Measurement]:
    intervals = _intervals(units, metrics, settings)
    fakes = int(units.label.sum())
    found = []
    for variant, scores in units.scores.items():
        for metric in metrics:
            value, reason = _value(metric, units.label, scores)
            around = intervals[variant, metric.name] if value is not None else Interval()
            found.append(
                Measurement(
                    dataset=dataset,
                    method=method,
                    variant=variant,
                    level=level,
                    metric=metric.name,
                    value=value,
                    low=around.low,
                    high=around.high,
                    reason=reason or around.reason,
                    reals=len(units) - fakes,
                    fakes=fakes,
                )
            )
    return found


def _value(
    metric: MetricSpec, labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[float | None, str]:
    try:
        value = float(
            guarded(f"metric {metric.name!r}", metric.source, metric.compute, labels, scores)
        )
    except UndefinedMetricError as error:
        return None, str(error)
    return (value, "") if math.isfinite(value) else (None, f"{metric.name} came out as {value}")


def _intervals(
    units: Units, metrics: Sequence[MetricSpec], settings: Settings
) -> dict[tuple[str, str], Interval]:
    """An interval for each variant and metric, all from the same draws."""
    pairs = [(variant, metric.name) for variant in units.scores for metric in metrics]
    if reason := no_interval_because(units.label, units.cluster):
        return dict.fromkeys(pairs, Interval(reason=reason))
    values = resample(
        units.label,
        units.cluster,
        list(units.scores.values()),
        metrics,
        settings.draws,
        np.random.default_rng([settings.seed, *b"bootstrap"]),
    )
    return dict(zip(pairs, map(interval, values.reshape(len(pairs), -1)), strict=True))


def _rows(table: pa.Table, dataset: str, method: str) -> pa.Table:
    chosen = pc.equal(table["dataset"], dataset)
    if method != ALL_METHODS:
        own = pc.or_(pc.equal(table["label"], 0), pc.equal(table["method"], method))
        chosen = pc.and_(chosen, own)
    return table.filter(chosen)


def _count(rows: pa.Table, dataset: str, method: str) -> Count:
    scored = rows.filter(pc.equal(rows["status"], OK))
    failed = rows.filter(pc.not_equal(rows["status"], OK))
    reals, fakes = (_videos(scored.filter(pc.equal(scored["label"], label))) for label in (0, 1))
    return Count(
        dataset=dataset,
        method=method,
        reals=reals,
        fakes=fakes,
        frames=len(scored.group_by(["video", "frame"]).aggregate([])),
        faces=len(scored),
        errors=dict(sorted(Counter(failed["status"].to_pylist()).items())),
        left_out=_videos(rows) - reals - fakes,
    )


def _videos(rows: pa.Table) -> int:
    return len(rows.group_by("video").aggregate([]))
