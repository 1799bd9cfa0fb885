"""Measures of maps in masks are those of Quantus, an independent implementation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.audit.measures.localisation import pointing, relevance_mass, relevance_rank

AS_IT_IS = {"abs": False, "normalise": False, "disable_warnings": True}
RNG = np.random.default_rng(4)
MAPS = RNG.normal(size=(8, 1, 12, 10))  # no two values alike, of both signs
MASKS = RNG.random((8, 1, 12, 10)) < RNG.uniform(0.1, 0.9, (8, 1, 1, 1))


@pytest.fixture(scope="module")
def quantus() -> Any:
    with warnings.catch_warnings():  # what Quantus imports may warn of its own affairs
        warnings.simplefilter("ignore")
        return pytest.importorskip("quantus", reason="needs quantus (`pip install quantus`)")


def theirs(metric: Any, maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(8,) of maps (8, 1, 12, 10) in MASKS."""
    return np.asarray(
        metric.evaluate_batch(x_batch=np.zeros_like(maps), a_batch=maps, s_batch=MASKS)
    )


def ours(measure: Any, maps: NDArray[np.float64]) -> list[float]:
    return [measure(heat[0], mask[0]) for heat, mask in zip(maps, MASKS, strict=True)]


def test_mass_is_attribution_localisation_of_what_is_positive(quantus: Any) -> None:
    metric = quantus.AttributionLocalisation(positive_attributions=True, **AS_IT_IS)
    np.testing.assert_allclose(ours(relevance_mass, MAPS), theirs(metric, MAPS), rtol=1e-6)


def test_mass_of_maps_without_negative_values_is_relevance_mass_accuracy(quantus: Any) -> None:
    metric = quantus.RelevanceMassAccuracy(**AS_IT_IS)
    positive = np.abs(MAPS)
    np.testing.assert_allclose(ours(relevance_mass, positive), theirs(metric, positive))


def test_rank_is_relevance_rank_accuracy(quantus: Any) -> None:
    metric = quantus.RelevanceRankAccuracy(**AS_IT_IS)
    np.testing.assert_allclose(ours(relevance_rank, MAPS), theirs(metric, MAPS))


def test_pointing_is_the_pointing_game(quantus: Any) -> None:
    hits = theirs(quantus.PointingGame(**AS_IT_IS), MAPS)
    assert set(hits) == {0, 1}
    np.testing.assert_array_equal(ours(pointing, MAPS), hits)
