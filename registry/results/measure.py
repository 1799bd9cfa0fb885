"""Metrics with intervals, and counts, from a table of predictions: the same for eval and report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.contracts.types import ALL_METHODS
from registry.errors import ConfigError, UndefinedMetricError, UnknownNameError, guarded
from registry.results.aggregation import Units, aggregate
from registry.results.bootstrap import Interval, interval, no_interval_because, resample
from registry.results.method_groups import MethodGroup
from registry.results.metric import CROSS_AUC, Metric
from registry.results.predictions import OK, Settings

__all__ = ["Count", "Measurement", "Pooled", "count", "metrics_of", "pooled", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One metric of one variant on one data set, for all fakes, a method's or a group's.

    `method` is "all", a method's name or a group's. `value` None means that the metric has none,
    `low` and `high` None that there is no 95 % interval; `reason` says why. `reals` and `fakes`
    count videos or, at level "frame", frames.
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

    `method` is what it is in a Measurement. `reals` and `fakes` are videos with a score, `frames`
    and `faces` those with a score, `errors` counts rows without one by their reason; `left_out` are
    videos without any scored frame.
    """

    dataset: str
    method: str
    reals: int
    fakes: int
    frames: int
    faces: int
    errors: Mapping[str, int]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The methods of one data set that a group's measurements and counts pool."""

    dataset: str
    name: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """Fakes of a data set that are measured together; `of` names their methods, None for all."""

    dataset: str
    method: str
    of: tuple[str, ...] | None = None


def metrics_of(settings: Settings, metrics: Mapping[str, Metric]) -> list[Metric]:
    """Return the metrics of single data sets that `settings` names, in its order.

    An UnknownNameError for unknown ones, a ConfigError where it names none.
    """
    if not settings.metrics:
        raise ConfigError("no metrics to compute; the settings name none")
    for name in settings.metrics:
        if name not in metrics:
            raise UnknownNameError("metric", name, metrics)
    return [metrics[name] for name in settings.metrics if name != CROSS_AUC]


def summarise(
    table: pa.Table, settings: Settings, metrics: Mapping[str, Metric]
) -> tuple[Measurement, ...]:
    """Measure every metric of `settings` at its levels: by variant, data set, method, level and
    metric.

    `metrics` maps names to metrics. A method is measured against all reals of its data set, and so
    is each group of `settings`, after the methods.
    """
    chosen = metrics_of(settings, metrics)
    units = aggregate(table, settings)
    found: list[Measurement] = []
    for block in _blocks(table, settings.groups):
        videos, frames = (_subset(units[level], block) for level in ("video", "frame"))
        at = {"video": _measure(videos, block, "video", chosen, settings)}
        if len(frames) == len(videos):
            at["frame"] = [replace(each, level="frame") for each in at["video"]]
        elif "frame" in settings.levels:
            at["frame"] = _measure(frames, block, "frame", chosen, settings)
        found += [each for level in settings.levels for each in at[level]]
    variants = list(units["video"].scores)
    return tuple(sorted(found, key=lambda each: variants.index(each.variant)))


def count(table: pa.Table, groups: Sequence[MethodGroup] = ()) -> tuple[Count, ...]:
    """Return counts in the order of the measurements' data sets, methods and groups."""
    return tuple(_count(_rows(table, block), block) for block in _blocks(table, groups))


def pooled(table: pa.Table, groups: Sequence[MethodGroup]) -> tuple[Pooled, ...]:
    """Return what each group pools in each data set; groups without methods there are left out."""
    return tuple(
        Pooled(dataset=dataset, name=group.name, methods=own)
        for dataset, methods in _methods(table)
        for group in groups
        if (own := group.among(methods))
    )


def _blocks(table: pa.Table, groups: Sequence[MethodGroup]) -> Iterator[_Block]:
    """Yield data sets by name; in each "all", then the named methods of its fakes, then the
    groups.
    """
    together = pooled(table, groups)
    for dataset, methods in _methods(table):
        yield _Block(dataset, ALL_METHODS)
        yield from (_Block(dataset, method, (method,)) for method in methods)
        own = (each for each in together if each.dataset == dataset)
        yield from (_Block(dataset, each.name, each.methods) for each in own)


def _methods(table: pa.Table) -> list[tuple[str, list[str]]]:
    """Return data sets by name, each with the named methods of its fakes."""
    fakes = table.filter(pc.equal(table["label"], 1))
    own = {
        dataset: fakes.filter(pc.equal(fakes["dataset"], dataset))
        for dataset in sorted(pc.unique(table["dataset"]).to_pylist())
    }
    return [
        (dataset, sorted(filter(None, pc.unique(rows["method"]).to_pylist())))
        for dataset, rows in own.items()
    ]


def _subset(units: Units, block: _Block) -> Units:
    chosen = units.dataset == block.dataset
    if block.of is not None:
        chosen &= (units.label == 0) | np.isin(units.method, np.array(block.of, np.object_))
    return units.take(chosen)


def _measure(
    units: Units,
    block: _Block,
    level: str,
    metrics: Sequence[Metric],
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
                    dataset=block.dataset,
                    method=block.method,
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
    metric: Metric, labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[float | None, str]:
    try:
        value = float(
            guarded(f"metric {metric.name!r}", metric.source, metric.compute, labels, scores)
        )
    except UndefinedMetricError as error:
        return None, str(error)
    return (value, "") if math.isfinite(value) else (None, f"{metric.name} came out as {value}")


def _intervals(
    units: Units, metrics: Sequence[Metric], settings: Settings
) -> dict[tuple[str, str], Interval]:
    """Return an interval for each variant and metric, all from the same draws."""
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


def _rows(table: pa.Table, block: _Block) -> pa.Table:
    chosen = pc.equal(table["dataset"], block.dataset)
    if block.of is not None:
        named = pc.is_in(table["method"], value_set=pa.array(block.of))
        chosen = pc.and_(chosen, pc.or_(pc.equal(table["label"], 0), named))
    return table.filter(chosen)


def _count(rows: pa.Table, block: _Block) -> Count:
    scored = rows.filter(pc.equal(rows["status"], OK))
    failed = rows.filter(pc.not_equal(rows["status"], OK))
    reals, fakes = (_videos(scored.filter(pc.equal(scored["label"], label))) for label in (0, 1))
    return Count(
        dataset=block.dataset,
        method=block.method,
        reals=reals,
        fakes=fakes,
        frames=len(scored.group_by(["video", "frame"]).aggregate([])),
        faces=len(scored),
        errors=dict(sorted(Counter(failed["status"].to_pylist()).items())),
        left_out=_videos(rows) - reals - fakes,
    )


def _videos(rows: pa.Table) -> int:
    return len(rows.group_by("video").aggregate([]))
