"""Right part first against a count by hand, and rows of finished runs."""

from __future__ import annotations

import numpy as np
import pytest

from registry.results.robustness import CLEAN, Dose, right_part, rows_of_run
from tests.shared.synthetic_run import row, settings
from tests.shared.synthetic_run import table as table_of


def _fake(number: int, region: str | None, **parts: float) -> dict[str, object]:
    scores = {f"p_{name}": value for name, value in parts.items()}
    return row(video=f"f{number}", label=1, method="m", region=region, fake=0.7, **scores)


def test_right_parts_are_counted_where_one_known_part_was_changed() -> None:
    table = table_of(
        [
            _fake(0, "eyes", eyes=0.9, nose=0.2, mouth=0.3),
            _fake(1, "mouth", eyes=0.9, nose=0.2, mouth=0.3),
            _fake(2, "nose", eyes=0.1, nose=0.2, mouth=0.0),
            _fake(3, "face", eyes=0.9, nose=0.2, mouth=0.3),
            _fake(4, None, eyes=0.9, nose=0.2, mouth=0.3),
            row(video="r", region="eyes", fake=0.1, p_eyes=0.9, p_nose=0.1, p_mouth=0.1),
        ]
    )
    found = right_part(table, draws=400, seed=0)
    assert found.count == 3
    assert found.value == pytest.approx(2 / 3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 2 / 3 <= found.high


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 60 people, each with one fake: a binomial, whose interval is known."""
    rng = np.random.default_rng(0)
    rows = [
        _fake(at, "eyes", eyes=0.9, nose=float(rng.random() < 0.3), mouth=0.0) for at in range(60)
    ]
    found = right_part(table_of(rows), draws=4000, seed=0)
    assert found.value is not None
    spread = 1.96 * np.sqrt(found.value * (1 - found.value) / 60)
    assert found.low == pytest.approx(found.value - spread, abs=0.03)
    assert found.high == pytest.approx(found.value + spread, abs=0.03)


def test_without_parts_there_is_no_right_one() -> None:
    table = table_of([row(video="f", label=1, method="m", region="eyes", fake=0.4)])
    assert right_part(table, draws=10, seed=0).value is None
    assert settings().draws == 60


def test_families_and_severities_are_read_off_conditions() -> None:
    names = [CLEAN, "h264:3", "resize:2+jpeg:4"]
    rows = [Dose(condition=name, dose="", dataset="d", figures={}) for name in names]
    assert [each.family for each in rows] == [CLEAN, "h264", "resize:2+jpeg:4"]
    assert [each.severity for each in rows] == [0, 3, None]
    assert callable(rows_of_run)
