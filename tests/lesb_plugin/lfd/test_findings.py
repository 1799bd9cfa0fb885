"""A sentence for each table of a fitted LFD says what is in the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lesb_plugin.lfd.diagnostics import diagnose, tables
from lesb_plugin.lfd.findings import findings
from lesb_plugin.lfd.subspace import Scatter, fit_subspace


def _diagnosed(
    scales: dict[str, list[float]], direction: list[float] | None = None
) -> dict[str, Any]:
    """Parts that vary along the axes as given, in subspaces of two of six directions."""
    noise = np.random.default_rng(0).normal(size=(4000, 2, 6))
    scatters = {part: Scatter(6).update(noise * np.sqrt(each)) for part, each in scales.items()}
    bases = {part: fit_subspace(each, 2).basis for part, each in scatters.items()}
    line = None if direction is None else np.array(direction)
    return diagnose(scatters, bases, line, seed=0)


APART = {"eyes": [4.0, 2, 0.1, 0.1, 0, 0], "mouth": [0, 0, 0.1, 0.1, 2, 4.0]}
ALIKE = {"eyes": [4.0, 2, 0.1, 0, 0, 0], "mouth": [3.0, 3, 0.1, 0, 0, 0]}


def test_parts_apart_are_called_local() -> None:
    found = findings(_diagnosed(APART))
    assert "as random ones do" in found[0]
    assert found[1].endswith("the subspaces are local here.")
    assert found[2] == "2 directions hold 90 % of each part's variance."


def test_parts_that_are_alike_are_called_hardly_local() -> None:
    found = findings(_diagnosed(ALIKE))
    assert found[0].startswith("The parts' subspaces share most of their directions (overlap 1.0")
    assert found[1].endswith("the subspaces are hardly local here.")


def test_variance_beyond_the_rank_is_told_by_its_share() -> None:
    found = findings(_diagnosed({"eyes": [1.0] * 6, "mouth": [1.0] * 6}))
    assert found[2].startswith("The 2 kept directions hold 0.3")


@pytest.mark.parametrize(
    ("direction", "word"), [([1, 1, 0, 0, 0, 0], "more"), ([0, 0, 1, 1, 0, 0], "no more")]
)
def test_the_head_is_said_to_lie_in_the_parts_only_where_it_does(
    direction: list[float], word: str
) -> None:
    found = findings(_diagnosed(ALIKE, direction))
    assert f"lies {word} in the parts' subspaces than in random ones" in found[3]


def test_own_shares_are_told_beside_what_an_equal_share_would_be() -> None:
    shares = {"own_share": {"eyes": [0.9, 0.5], "mouth": [0.7, 0.4]}}
    assert "0.80 of the variance is the part's own (0.50" in findings(_diagnosed(APART) | shares)[3]


@pytest.mark.parametrize("scales", [APART, {"face": APART["eyes"]}])
def test_there_is_a_sentence_for_each_table(scales: dict[str, list[float]]) -> None:
    found = _diagnosed(scales, [1, 0, 0, 0, 0, 1])
    assert len(findings(found)) == len(tables(found))
