"""Real faces by origin: how many are called fake, and fakes against reals of other data sets.

An AUC within one data set is high where its reals and fakes were made differently, and says nothing
of the reals of another. Cross-AUC sets the fakes of each data set against the reals of every other
(arXiv 2604.21478).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from registry.errors import UndefinedMetricError
from registry.results.aggregation import Units
from registry.results.bootstrap import interval, no_interval_because, resample
from registry.results.conformal import MANIPULATED_UP_TO
from registry.results.figure import CountedFigure
from registry.results.metric import CROSS_AUC, Metric
from registry.results.predictions import CONFORMAL, Settings

__all__ = ["Across", "DataSource", "across", "bound_of_none", "by_source"]

_ALARMS, _AUC = "false_alarms", "auc"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """The real videos of one data set: the share above 0.5, and the share called MANIPULATED.

    `manipulated` has no value where the detector keeps no real faces to compare with;
    `incomparable` is the share that is like none of them, and of which nothing is said.
    """

    dataset: str
    above_half: CountedFigure
    manipulated: CountedFigure
    incomparable: CountedFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """Cross-AUC: the reals of one data set against the fakes of another, or of the same."""

    reals_of: str
    fakes_of: str
    auc: CountedFigure


def by_source(
    table: pa.Table, videos: Units, settings: Settings, metrics: Mapping[str, Metric]
) -> tuple[DataSource, ...]:
    """Measure the reals of every data set that has any; `metrics` must have false_alarms.

    `videos` are what `aggregate` makes of the table.
    """
    if _ALARMS not in settings.metrics or _ALARMS not in metrics:
        return ()
    p = _conformal(table, videos)
    found = []
    for dataset in _datasets(videos):
        chosen = (videos.dataset == dataset) & (videos.label == 0)
        if not chosen.any():
            continue
        reals, own = videos.take(chosen), None if p is None else p[chosen]
        scores = [reals.scores[settings.detector]]
        if own is not None:
            scores += [(own <= MANIPULATED_UP_TO).astype(float), np.isnan(own).astype(float)]
        figures = [_figure(metrics[_ALARMS], reals, each, settings) for each in scores]
        figures += [CountedFigure()] * (3 - len(figures))
        above, manipulated, incomparable = figures
        found.append(
            DataSource(
                dataset=dataset,
                above_half=above,
                manipulated=manipulated,
                incomparable=incomparable,
            )
        )
    return tuple(found)


def across(videos: Units, settings: Settings, metrics: Mapping[str, Metric]) -> tuple[Across, ...]:
    """Measure every pair of data sets; nothing for a single one, or without auc or cross_auc."""
    named = (name for name in (_AUC, CROSS_AUC) if name in settings.metrics and name in metrics)
    if (metric := next(named, None)) is None:
        return ()
    names = _datasets(videos)
    if len(names) < 2:
        return ()
    reals_of, fakes_of = (
        [name for name in names if ((videos.dataset == name) & (videos.label == label)).any()]
        for label in (0, 1)
    )
    found = []
    for one in reals_of:
        for other in fakes_of:
            chosen = ((videos.dataset == one) & (videos.label == 0)) | (
                (videos.dataset == other) & (videos.label == 1)
            )
            both = videos.take(chosen)
            figure = _figure(metrics[metric], both, both.scores[settings.detector], settings)
            found.append(Across(reals_of=one, fakes_of=other, auc=figure))
    return tuple(found)


def bound_of_none(figure: CountedFigure) -> float | None:
    """Return the largest share that finding none agrees with; None for a share that is not
    0, or has no interval.

    It is the upper end of the exact interval: the bootstrap of a share that is 0 has no width.
    """
    if figure.value != 0 or figure.low is None or not figure.count:
        return None
    return CountedFigure.ends_of_share(0, figure.count)[1]


def _datasets(videos: Units) -> list[str]:
    return sorted(set(videos.dataset.tolist()))


def _conformal(table: pa.Table, videos: Units) -> NDArray[np.float64] | None:
    """Return p of each video, NaN if it resembles no reference real; None if nothing was
    compared.
    """
    if CONFORMAL not in table.column_names or table[CONFORMAL].null_count == len(table):
        return None
    names = ("dataset", "video", CONFORMAL)
    columns = (table[name].to_pylist() for name in names)
    known = {(dataset, video): p for dataset, video, p in zip(*columns, strict=True)}
    pairs = zip(videos.dataset, videos.video, strict=True)
    values = [known.get(pair) for pair in pairs]
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _figure(
    metric: Metric, units: Units, scores: NDArray[np.float64], settings: Settings
) -> CountedFigure:
    try:
        value = float(metric.compute(units.label, scores))
    except UndefinedMetricError:
        return CountedFigure()
    found = CountedFigure(value=value, count=len(units))
    if settings.draws == 0 or no_interval_because(units.label, units.cluster):
        return found
    rng = np.random.default_rng([settings.seed, *b"sources"])
    drawn = resample(units.label, units.cluster, [scores], [metric], settings.draws, rng)
    around = interval(drawn[0, 0])
    return replace(found, low=around.low, high=around.high)
