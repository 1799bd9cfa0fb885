"""Runs of frames above real faces: error rates by simulation, places by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from registry.results.conformal import MANIPULATED_UP_TO
from registry.results.frame_runs import scan

REALS = stats.norm.cdf(stats.norm.ppf((np.arange(1, 600) - 0.5) / 599))  # uniform on (0, 1)


def clips(rng: np.random.Generator, n: int, frames: int, alike: float) -> np.ndarray:  # type: ignore[type-arg]
    """Scores (n, frames) of real clips whose frames correlate by `alike`; uniform marginally."""
    own, common = rng.standard_normal((n, frames)), rng.standard_normal((n, 1))
    return np.asarray(stats.norm.cdf(np.sqrt(alike) * common + np.sqrt(1 - alike) * own))


@pytest.mark.parametrize("frames", [2, 6, 32])
@pytest.mark.parametrize("alike", [0.0, 0.4, 0.85, 1.0])
def test_at_most_one_real_clip_in_twenty_is_manipulated_however_alike_its_frames_are(
    frames: int, alike: float
) -> None:
    found = [scan(each, REALS) for each in clips(np.random.default_rng(1), 400, frames, alike)]
    false_alarms = np.mean([each.p <= MANIPULATED_UP_TO for each in found])
    assert false_alarms <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
    unusual = np.mean([each.any_p <= 0.05 for each in found])
    assert unusual <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("frames", [1, 2, 3, 32])
def test_a_clip_of_frames_that_are_all_the_same_has_nearly_the_p_of_one(frames: int) -> None:
    one = scan(np.array([0.97]), REALS)
    assert one.p == pytest.approx((1 + (REALS >= 0.97).sum()) / (len(REALS) + 1))
    assert one.runs == ()
    many = scan(np.full(frames, 0.97), REALS)
    assert many.any_p >= one.p - 0.01


def test_a_middle_third_that_was_changed_is_found_and_placed() -> None:
    scores = np.full(32, 0.3)
    scores[11:21] = 0.985
    found = scan(scores, REALS)
    assert found.p <= MANIPULATED_UP_TO
    assert found.partial
    assert found.runs == ((11, 20),)


def test_a_clip_that_lies_high_as_a_whole_needs_more_than_a_run_that_stands_out() -> None:
    high = np.full(32, 0.985)
    run = np.full(32, 0.3)
    run[8:16] = 0.985
    whole, part = scan(high, REALS), scan(run, REALS)
    assert whole.any_p == part.any_p <= 0.04
    assert part.p <= MANIPULATED_UP_TO < whole.p
    assert not whole.partial
    assert scan(np.full(32, 0.9999), REALS).p <= MANIPULATED_UP_TO


def test_one_frame_that_lies_high_is_no_run() -> None:
    scores = np.full(32, 0.5)
    scores[7] = 1.0
    found = scan(scores, REALS)
    assert found.runs == ()
    assert found.any_p > 0.05
