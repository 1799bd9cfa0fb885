"""Contracts of metrics and reporters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from registry.checks.samples import require
from registry.errors import UndefinedMetricError
from registry.plugins.specs import MetricSpec, ReporterSpec

if TYPE_CHECKING:
    from registry.results.result import Result

__all__ = ["check_metric", "check_reporter"]


def check_metric(spec: MetricSpec) -> None:
    """Check that a metric is finite, independent of the sample's order, and better for right
    scores.

    The samples hold 150 reals and fakes each, enough for rates of 1 %. For a sample of one class
    the value is finite or an UndefinedMetricError; `weighted`, where there is one, agrees with
    `compute` on the repeated sample and is NaN where that has no value.
    """
    what = f"metric {spec.name!r}"
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1], dtype=np.int64), 150)
    scores = np.round(rng.random(300), 2)  # rounded: ties are part of the contract
    before = labels.copy(), scores.copy()
    value = spec.compute(labels, scores)
    untouched = np.array_equal(labels, before[0]) and np.array_equal(scores, before[1])
    require(untouched, f"{what} must not change its arguments", "changed arrays")
    require(bool(np.isfinite(value)), f"{what} must be finite for two classes", value)
    order = rng.permutation(300)
    shuffled = spec.compute(labels[order], scores[order])
    require(bool(np.isclose(shuffled, value)), f"{what} must not depend on order", shuffled)
    right = spec.compute(labels, labels.astype(np.float64))
    wrong = spec.compute(labels, (1 - labels).astype(np.float64))
    better = right > wrong if spec.higher_is_better else right < wrong
    word = "higher" if spec.higher_is_better else "lower"
    require(better, f"{what} must be {word} for right than for wrong scores", (right, wrong))
    for only in (0, 1):
        one = labels == only
        alone = _value(spec, labels[one], scores[one])
        require(not np.isinf(alone), f"{what} must be finite or undefined for one class", alone)
    if spec.weighted is not None:
        _check_weighted(spec, what)


def check_reporter(spec: ReporterSpec, result: Result, folder: Path) -> Path:
    """Check that a reporter writes one file into the run folder and returns its path."""
    path = spec.write(result, folder)
    written = isinstance(path, Path) and path.is_file()
    inside = written and path.resolve().is_relative_to(folder.resolve())
    require(inside, f"reporter {spec.name!r} must return the file it wrote in {folder}", path)
    return path


def _check_weighted(spec: MetricSpec, what: str) -> None:
    assert spec.weighted is not None  # noqa: S101 - the caller has seen to it
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    scores = np.round(rng.random(200), 2)
    weights = rng.integers(0, 4, (6, 200))  # (D, n)
    weights[0] = 1
    weights[1] = labels  # only fakes
    values = np.asarray(spec.weighted(labels, scores, weights))
    require(values.shape == (6,), f"weighted of {what} must return (D,) = (6,)", values.shape)
    for weight, value in zip(weights, values, strict=True):
        expected = _value(spec, np.repeat(labels, weight), np.repeat(scores, weight))
        require(
            bool(np.isclose(value, expected, equal_nan=True)),
            f"weighted of {what} must equal compute on the repeated sample, here {expected}",
            value,
        )


def _value(spec: MetricSpec, labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    try:
        return float(spec.compute(labels, scores))
    except UndefinedMetricError:
        return float("nan")
