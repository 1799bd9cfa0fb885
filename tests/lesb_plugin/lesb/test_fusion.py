from __future__ import annotations

from typing import Literal, get_args, get_type_hints

import numpy as np
import pytest
from scipy import stats

from lesb_plugin.lesb.fusion import FUSIONS, fuse
from lesb_plugin.lesb.options import LesbOptions

PARTS = np.random.default_rng(0).uniform(0.01, 0.99, (3, 500))

REFERENCES = {
    "mean": lambda parts: np.mean(parts, axis=0),
    "max": lambda parts: np.max(parts, axis=0),
    "min": lambda parts: np.min(parts, axis=0),
    "median": lambda parts: np.median(parts, axis=0),
    "geometric": lambda parts: stats.gmean(parts, axis=0),
    "harmonic": lambda parts: stats.hmean(parts, axis=0),
    "vote": lambda parts: stats.mode(np.rint(parts), axis=0).mode,
}


@pytest.mark.parametrize("fusion", list(FUSIONS))
def test_a_fusion_agrees_with_its_reference(fusion: str) -> None:
    fused = fuse(PARTS, fusion)
    assert fused.shape == (500,)
    assert fused.dtype == np.float64
    np.testing.assert_allclose(fused, REFERENCES[fusion](PARTS), rtol=1e-12)


@pytest.mark.parametrize("fusion", list(FUSIONS))
def test_a_single_part_is_its_own_fusion_and_scores_stay_in_0_to_1(fusion: str) -> None:
    one = PARTS[:1]
    expected = one[0] if fusion != "vote" else (one[0] > 0.5)
    np.testing.assert_allclose(fuse(one, fusion), expected, rtol=1e-12)
    extremes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    fused = fuse(extremes, fusion)
    assert np.isfinite(fused).all()
    assert ((fused >= 0) & (fused <= 1)).all()


def test_means_that_a_zero_would_decide_alone_are_clamped() -> None:
    parts = np.array([[0.0], [0.5], [0.5]])
    assert fuse(parts, "geometric")[0] == pytest.approx(stats.gmean([1e-6, 0.5, 0.5]))
    assert fuse(parts, "harmonic")[0] == pytest.approx(stats.hmean([1e-6, 0.5, 0.5]))


def test_a_tied_vote_goes_by_the_mean() -> None:
    parts = np.array([[0.9, 0.6, 0.6], [0.3, 0.3, 0.4]])
    np.testing.assert_array_equal(fuse(parts, "vote"), [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(fuse(np.full((2, 1), 0.5), "vote"), [0.0])  # nobody votes fake


def test_a_majority_of_parts_decides_the_vote_whatever_the_mean() -> None:
    parts = np.array([[0.51, 0.99], [0.51, 0.49], [0.0, 0.49]])
    np.testing.assert_array_equal(fuse(parts, "vote"), [1.0, 0.0])


def test_scores_of_no_part_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(K, B\) with K >= 1, not \(0, 4\)"):
        fuse(np.zeros((0, 4)), "mean")


def test_the_options_offer_every_fusion_and_all() -> None:
    offered = get_type_hints(LesbOptions)["fusion"]
    assert offered == Literal[*FUSIONS, "all"]
    assert set(get_args(offered)) == {*FUSIONS, "all"}
