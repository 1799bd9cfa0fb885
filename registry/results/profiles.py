"""Profiles: `strict`, this project's own rules, and `deepfakebench`, those of that benchmark.

Both read the same table of predictions; a run's settings name its profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.contracts.types import ALL_METHODS
from registry.errors import DataError, UndefinedMetricError, UnknownNameError, guarded
from registry.results import deepfakebench_metrics
from registry.results.aggregation import Units, aggregate
from registry.results.measure import Measurement, metrics_of, summarise
from registry.results.metric import Compute, Metric
from registry.results.predictions import OK, PREDICTIONS, Settings

__all__ = [
    "BOTH",
    "DEEPFAKEBENCH_PROFILE",
    "PROFILES",
    "STRICT",
    "differences",
    "measure",
    "scored_units",
]

STRICT, DEEPFAKEBENCH_PROFILE = "strict", "deepfakebench"
PROFILES = (STRICT, DEEPFAKEBENCH_PROFILE)
BOTH = "both"  # what asks for one after the other

_VISIBLE_GAP = 0.0005  # what three decimals show
_REPORTED = {"frame": ("auc", "ap", "eer", "accuracy"), "video": ("auc",)}
_NO_INTERVAL = "DeepfakeBench gives no interval"


def measure(
    table: pa.Table, settings: Settings, metrics: Mapping[str, Metric]
) -> tuple[Measurement, ...]:
    """Measure every metric of `settings` under its profile; `metrics` maps names to metrics."""
    if settings.profile == STRICT:
        return summarise(table, settings, metrics)
    chosen = metrics_of(settings, metrics)
    units = scored_units(table, settings)
    found: list[Measurement] = []
    for variant, dataset, level in product(
        units["video"].scores, _datasets(table), settings.levels
    ):
        own = units[level].take(units[level].dataset == dataset)
        found += [_measurement(own, dataset, variant, level, metric) for metric in chosen]
    return tuple(found)


def scored_units(table: pa.Table, settings: Settings) -> dict[str, Units]:
    """Return the frames and the videos that have a score, as the settings' profile sees them."""
    if settings.profile not in PROFILES:
        raise UnknownNameError("profile", settings.profile, PROFILES)
    units = aggregate(table, settings)
    if settings.profile == STRICT:
        return units
    if "listed" not in table.column_names:
        raise DataError(
            f"{PREDICTIONS} lacks the column 'listed', the paths as written in the data"
            " set's index, by which profile deepfakebench identifies videos; the file was"
            " written by an earlier version. Run `bench eval` with the same flags and"
            " --out again: finished chunks are reused, and nothing is scored again"
        )
    return {"frame": units["frame"], "video": _folders(units["frame"])}


def differences(
    table: pa.Table, settings: Settings, metrics: Mapping[str, Metric]
) -> tuple[str, ...]:
    """Say why `deepfakebench` gives other numbers than `strict` here; a sentence for each
    reason.
    """
    frames = scored_units(table, replace(settings, profile=DEEPFAKEBENCH_PROFILE))["frame"]
    lines: list[str] = []
    for dataset in _datasets(table):
        own = frames.take(frames.dataset == dataset)
        rows = table.filter(pc.equal(table["dataset"], dataset))
        found = (*_of_videos(own), *_of_metrics(own, settings, metrics), *_of_errors(rows))
        lines += [f"{dataset}: {line}" for line in found]
    return tuple(lines)


def _datasets(table: pa.Table) -> list[str]:
    return sorted(pc.unique(table["dataset"]).to_pylist())


def _folders(frames: Units) -> Units:
    """Group frames into videos by the name of their folder, data set by data set."""
    parts = [_folders_of(frames.take(frames.dataset == name)) for name in np.unique(frames.dataset)]
    if not parts:
        return frames
    names = ("dataset", "video", "method", "label", "path")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    scores = {
        variant: np.concatenate([part.scores[variant] for part in parts])
        for variant in frames.scores
    }
    return Units(**joined, cluster=np.arange(len(joined["label"])), scores=scores)


def _folders_of(frames: Units) -> Units:
    names, group = deepfakebench_metrics.folder_groups(frames.path.tolist())
    count = len(names)
    first = np.unique(group, return_index=True)[1]
    return replace(
        frames.take(first),
        video=np.asarray(names, dtype=np.object_),
        label=deepfakebench_metrics.group_labels(frames.label, group, count),
        scores={
            variant: deepfakebench_metrics.group_means(values, group, count)
            for variant, values in frames.scores.items()
        },
    )


# --- numbers ---------------------------------------------------------------------------------


def _measurement(
    units: Units, dataset: str, variant: str, level: str, metric: Metric
) -> Measurement:
    value, reason = _value(units.label, units.scores[variant], level, metric)
    fakes = int(units.label.sum())
    return Measurement(
        dataset=dataset,
        method=ALL_METHODS,
        variant=variant,
        level=level,
        metric=metric.name,
        value=value,
        low=None,
        high=None,
        reason=reason,
        reals=len(units) - fakes,
        fakes=fakes,
    )


def _value(
    labels: NDArray[np.int64], scores: NDArray[np.float64], level: str, metric: Metric
) -> tuple[float | None, str]:
    if metric.name not in _REPORTED[level]:
        return None, f"DeepfakeBench reports no {metric.name} per {level}"
    own: dict[str, Compute] = {
        "eer": deepfakebench_metrics.eer,
        "accuracy": deepfakebench_metrics.accuracy,
    }
    compute = own.get(metric.name, metric.compute)
    try:
        what = f"metric {metric.name!r}"
        return float(guarded(what, metric.source, compute, labels, scores)), _NO_INTERVAL
    except UndefinedMetricError as error:
        return None, str(error)


# --- sentences -------------------------------------------------------------------------------


def _of_videos(frames: Units) -> Iterator[str]:
    """Say which videos become one, or several, when a folder's name stands for a video."""
    names, group = deepfakebench_metrics.folder_groups(frames.path.tolist())
    videos, member = np.unique(frames.video, return_inverse=True)
    pairs = np.unique(np.stack([group, member]), axis=1)  # (2, P): each folder and video once
    label_of = dict(zip(member.tolist(), frames.label.tolist(), strict=True))
    labels = deepfakebench_metrics.group_labels(frames.label, group, len(names))
    sizes = np.bincount(pairs[0], minlength=len(names))  # videos under each name
    if len(sizes) and sizes.max() > 1:
        worst = int(sizes.argmax())
        before, after = sum(label_of.values()), int(labels.sum())
        yield (
            f"{sizes[worst]} videos share the folder name {names[worst]}, so that {before}"
            f" fake and {len(videos) - before} real videos become {after} and"
            f" {len(names) - after} under profile deepfakebench"
        )
    fakes = np.bincount(group[frames.label == 1], minlength=len(names))
    mixed = np.flatnonzero((fakes > 0) & (labels == 0))
    if mixed.size:
        yield (
            f"{mixed.size} folder names hold real and fake frames and count as real under"
            f" profile deepfakebench, for example {names[mixed[0]]}"
        )
    spread = np.bincount(pairs[1], minlength=len(videos))  # folder names of each video
    if len(spread) and spread.max() > 1:
        worst = int(spread.argmax())
        yield (
            f"the frames of video {videos[worst]} are in folders of {spread[worst]} names,"
            " each of which is a video under profile deepfakebench"
        )


def _of_metrics(frames: Units, settings: Settings, metrics: Mapping[str, Metric]) -> Iterator[str]:
    scores = frames.scores[settings.detector]
    if "eer" in settings.metrics and len(set(frames.label.tolist())) == 2:
        yield from _of_eer(frames, settings.detector, metrics["eer"])
    halves = int((scores == 0.5).sum())
    if "accuracy" in settings.metrics and halves:
        yield (
            f"{halves} frames score exactly 0.5, which is real under profile deepfakebench"
            " and fake under strict"
        )


def _of_eer(frames: Units, detector: str, strict: Metric) -> Iterator[str]:
    """Compare the EER of the detector's score or, if that is equal, of the variant that differs
    most.
    """
    found = {
        name: (
            deepfakebench_metrics.eer(frames.label, scores),
            float(strict.compute(frames.label, scores)),
        )
        for name, scores in frames.scores.items()
    }
    gaps = {name: abs(theirs - ours) for name, (theirs, ours) in found.items()}
    name = detector if gaps[detector] >= _VISIBLE_GAP else max(gaps, key=lambda each: gaps[each])
    if gaps[name] < _VISIBLE_GAP:
        return
    theirs, ours = found[name]
    yield (
        f"EER{'' if name == detector else f' of {name}'} per frame is {theirs:.3f} under profile"
        f" deepfakebench, which takes a corner of the ROC curve, and {ours:.3f} under strict, which"
        " interpolates" + (": all scores are equal" if np.ptp(frames.scores[name]) == 0 else "")
    )


def _of_errors(rows: pa.Table) -> Iterator[str]:
    failed = pc.sum(pc.not_equal(rows["status"], OK)).as_py()
    if failed:
        yield (
            f"{failed} frames without a score are left out under both profiles;"
            " DeepfakeBench itself uses its first sample in place of a frame that it"
            " cannot read"
        )
