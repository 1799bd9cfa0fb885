"""Verdicts and parts that stand out, against numbers worked out by hand, scipy and numpy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit

from registry.results.conformal import conformal_p
from registry.results.part_scale import PartScale
from registry.results.verdict import FileVerdict, single_out, verdict_word

REALS = np.array([0.1, 0.2, 0.3, 0.3, 0.9])


@pytest.mark.parametrize(
    ("score", "p"),
    [
        (0.95, Fraction(1, 6)),  # none as high
        (0.9, Fraction(2, 6)),  # a tie counts
        (0.3, Fraction(4, 6)),
        (0.25, Fraction(4, 6)),
        (0.0, Fraction(6, 6)),
    ],
)
def test_p_is_the_share_of_reals_as_high_counting_the_face_itself(
    score: float, p: Fraction
) -> None:
    assert conformal_p(score, REALS) == pytest.approx(float(p))


def test_one_real_in_twenty_is_called_manipulated_and_four_in_five_authentic() -> None:
    """Each of 100 exchangeable reals against the 99 others: the error rates that p promises."""
    scores = np.random.default_rng(1).random(100)
    words = [
        verdict_word(float(conformal_p(scores[i], np.delete(scores, i))))
        for i in range(len(scores))
    ]
    assert words.count("MANIPULATED") == 5
    assert words.count("UNDETERMINED") == 15
    assert words.count("AUTHENTIC") == 80


@pytest.mark.parametrize(
    ("p", "word"),
    [
        (1 / 20, "MANIPULATED"),
        (1 / 19, "UNDETERMINED"),
        (1 / 5, "UNDETERMINED"),
        (0.2001, "AUTHENTIC"),
        (1.0, "AUTHENTIC"),
    ],
)
def test_the_borders_of_the_words(p: float, word: str) -> None:
    assert verdict_word(p) == word


# --- parts ------------------------------------------------------------------------------------


@pytest.fixture
def reals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {name: rng.uniform(0.05, 0.95, 40) for name in ("eyes", "nose", "mouth")}


def test_parts_are_measured_in_standard_deviations_of_their_own_reals(
    reals: dict[str, np.ndarray],
) -> None:
    scale = PartScale.of(reals)
    given = {"eyes": 0.8, "nose": 0.2, "mouth": 0.5}
    z = scale.standardise(given)
    for name, score in given.items():
        odds = logit(reals[name])
        assert z[name] == pytest.approx((logit(score) - odds.mean()) / stats.tstd(odds))
    assert scale.low.tolist() == pytest.approx(
        [stats.scoreatpercentile(reals[name], 5) for name in reals]
    )
    assert scale.high.tolist() == pytest.approx(
        [stats.scoreatpercentile(reals[name], 95) for name in reals]
    )


def test_the_limit_is_a_lead_that_at_most_five_per_cent_of_reals_exceed(
    reals: dict[str, np.ndarray],
) -> None:
    scale = PartScale.of(reals)
    assert scale.limit is not None
    z = np.stack([stats.zscore(logit(values), ddof=1) for values in reals.values()])
    leads = np.sort(z, axis=0)
    assert (leads[2] - leads[1] > scale.limit + 1e-9).sum() == 1  # 2 would be 5 %
    assert (leads[2] - leads[1] > scale.limit - 1e-9).sum() == 2


def test_a_part_that_is_constant_on_reals_never_stands_out() -> None:
    scale = PartScale.of({"eyes": np.full(30, 0.5), "nose": np.linspace(0.1, 0.9, 30)})
    assert scale.standardise({"eyes": 0.99, "nose": 0.5})["eyes"] == 0


def test_a_score_of_one_is_finite() -> None:
    scale = PartScale.of({"eyes": np.array([0.0, 0.5, 1.0]), "nose": np.array([0.2, 0.3, 0.4])})
    assert np.isfinite(list(scale.standardise({"eyes": 1.0, "nose": 0.0}).values())).all()


Z = {"eyes": 0.5, "mouth": 3.0, "nose": 1.0}


P = {"eyes": 0.3, "mouth": 0.01, "nose": 0.2}


def test_the_first_part_stands_out_where_it_leads_by_more_than_reals_do() -> None:
    found = single_out("MANIPULATED", Z, P, 1.9)
    assert (found.part, found.lead) == ("mouth", 2.0)
    assert found.text.startswith("The part that stands out: mouth, 2.00 ")
    assert "(nose)" in found.text
    assert single_out("UNDETERMINED", Z, P, 1.9).part == "mouth"


def test_a_part_stands_out_alone_or_not_at_all() -> None:
    found = single_out("MANIPULATED", Z, P | {"nose": 0.05}, 1.9)
    assert found.part is None
    assert "mouth and nose each score as high as few real faces do" in found.text
    everywhere = single_out("MANIPULATED", Z, dict.fromkeys(Z, 0.01), 1.9)
    assert "eyes, mouth and nose each score" in everywhere.text


@pytest.mark.parametrize(
    ("word", "z", "limit", "cannot_tell", "why"),
    [
        ("MANIPULATED", Z, 2.0, "", "the highest part (mouth) is only 2.00"),  # as much as reals do
        ("AUTHENTIC", Z, 0.1, "", "the face passes for real"),
        ("MANIPULATED", Z, 0.1, "parts of x look at the whole.", "parts of x look at the whole"),
        ("MANIPULATED", {}, None, "", "scores only the face as a whole"),
        ("MANIPULATED", {"mouth": 9.0}, None, "", "scores only one part"),
    ],
)
def test_no_part_is_singled_out_where_that_is_the_truth(
    word: str, z: dict[str, float], limit: float | None, cannot_tell: str, why: str
) -> None:
    found = single_out(word, z, P, limit, cannot_tell)  # type: ignore[arg-type]
    assert found.part is None
    assert found.text.startswith("No part can be singled out: ")
    assert why in found.text


def test_of_a_video_the_p_that_decides_on_authentic_is_told_beside_its_own() -> None:
    video = FileVerdict(word="UNDETERMINED", p=0.7, p_run=0.15).to_json()
    image = FileVerdict(word="AUTHENTIC", p=0.7).to_json()
    assert video is not None
    assert image is not None
    assert (video["p"], video["p_of_highest_run"]) == (0.7, 0.15)
    assert image["p_of_highest_run"] is None
