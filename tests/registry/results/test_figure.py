"""The exact interval of a share."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from registry.results.figure import CountedFigure


@pytest.mark.parametrize(("found", "count"), [(0, 15), (1, 10), (3, 40), (40, 40)])
def test_a_share_has_scipys_exact_interval(found: int, count: int) -> None:
    exact = binomtest(found, count).proportion_ci(0.95, method="exact")
    assert CountedFigure.ends_of_share(found, count) == pytest.approx((exact.low, exact.high))


def test_ends_rise_with_a_sum_of_shares_between_whole_numbers() -> None:
    ends = [CountedFigure.ends_of_share(found, 20) for found in (0, 0.5, 1, 1.25, 2, 19.5, 20)]
    lows, highs = zip(*ends, strict=True)
    assert (lows[0], highs[-1]) == (0.0, 1.0)
    assert sorted(set(lows)) == list(lows)
    assert sorted(set(highs)) == list(highs)
