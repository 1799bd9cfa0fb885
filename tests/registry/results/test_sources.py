"""Reals by data set, and Cross-AUC, against scikit-learn and counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from registry.results.aggregation import Units, aggregate
from registry.results.figure import CountedFigure
from registry.results.sources import across, bound_of_none, by_source
from tests.shared.synthetic_run import METRICS, row, settings
from tests.shared.synthetic_run import table as table_of

NAMES = ("auc", "false_alarms")


def _rows(dataset: str, label: int, scores: list[float], p: list[float | None]) -> list[dict]:
    return [
        row(
            dataset=dataset, video=f"{dataset}{label}{at}", label=label,
            method="m" if label else "", fake=score, conformal=each,
        )
        for at, (score, each) in enumerate(zip(scores, p, strict=True))
    ]  # fmt: skip


def _videos(table: pa.Table) -> Units:
    return aggregate(table, settings())["video"]


ONE, TWO = [0.1, 0.6, 0.7, 0.2], [0.3, 0.4, 0.9, 0.45, 0.05]
FAKES = [0.5, 0.8, 0.95]
TABLE = table_of(
    [
        *_rows("one", 0, ONE, [0.9, 0.05, 0.02, None]),
        *_rows("two", 0, TWO, [0.5, 0.5, 0.5, 0.5, 0.5]),
        *_rows("two", 1, FAKES, [0.01, 0.01, 0.01]),
    ]
)


def test_reals_above_half_and_called_manipulated_are_counted_by_data_set() -> None:
    one, two = by_source(TABLE, _videos(TABLE), settings(metrics=NAMES, draws=100), METRICS)
    assert (one.dataset, two.dataset) == ("one", "two")
    assert (one.above_half.value, two.above_half.value) == (0.5, 0.2)
    assert one.above_half.count == 4
    assert (one.manipulated.value, one.incomparable.value) == (0.5, 0.25)
    assert (two.manipulated.value, two.incomparable.value) == (0.0, 0.0)
    assert one.above_half.low is not None
    assert one.above_half.low <= 0.5


def test_without_reals_to_compare_with_nothing_is_said_of_verdicts() -> None:
    table = table_of(_rows("one", 0, ONE, [None] * 4))
    (one,) = by_source(table, _videos(table), settings(metrics=NAMES, draws=0), METRICS)
    assert one.manipulated.value is None
    assert one.above_half.value == 0.5
    assert by_source(table, _videos(table), settings(metrics=("auc",)), METRICS) == ()


def test_cross_auc_sets_fakes_against_the_reals_of_others() -> None:
    found = across(_videos(TABLE), settings(metrics=NAMES, draws=50), METRICS)
    assert [(each.reals_of, each.fakes_of) for each in found] == [("one", "two"), ("two", "two")]
    for each, reals in zip(found, (ONE, TWO), strict=True):
        expected = roc_auc_score([0] * len(reals) + [1] * 3, np.array(reals + FAKES))
        assert each.auc.value == pytest.approx(expected)
    assert across(_videos(table_of(_rows("one", 0, ONE, [None] * 4))), settings(), METRICS) == ()


def test_none_of_a_few_leaves_much_possible() -> None:
    exact = binomtest(0, 15).proportion_ci(0.95, method="exact").high
    none = CountedFigure(value=0.0, low=0.0, high=0.0, count=15)
    assert bound_of_none(none) == pytest.approx(exact)
    assert bound_of_none(replace(none, value=0.2)) is None
    assert bound_of_none(CountedFigure()) is None
