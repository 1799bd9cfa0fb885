"""What is said of a fit of `lesb_roi` agrees with its tables."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.roi.findings import findings
from lesb_plugin.roi.localisation import Localisation

NAMES = ("eyes", "nose", "mouth")


def _found(right: float, *aucs: float, singles: int = 300) -> Localisation:
    return Localisation(singles=singles, right_part=right, redundancy=0.0, part_auc=np.array(aucs))


def test_the_best_and_the_worst_part_are_named() -> None:
    said = findings(NAMES, _found(0.6, 0.7, 0.8, 0.9), 0.8, 0.8)[0]
    assert said == (
        "A change of the mouth is detected best (AUC 0.900), one of the eyes worst (AUC 0.700)."
    )


@pytest.mark.parametrize(
    ("right", "singles", "how"),
    [
        (0.667, 300, "2.0 times as often as"),
        (0.35, 300, "no more often"),
        (0.5, 9, "no more often"),
    ],
)
def test_naming_is_beside_chance_and_how_many_fakes_there_are(
    right: float, singles: int, how: str
) -> None:
    assert how in findings(NAMES, _found(right, 0.7, 0.8, 0.9, singles=singles), 0.8, 0.8)[1]


def test_what_was_not_measured_is_said_to_be_so() -> None:
    said = findings(NAMES, _found(np.nan, np.nan, 0.8, 0.9), 0.8, 0.8)
    assert "was not measured" in said[1]
    assert "Not every part" in said[0]


@pytest.mark.parametrize(("fused", "word"), [(0.83, "raises the AUC"), (0.801, "does not raise")])
def test_the_parts_are_worth_what_they_add_to_the_head(fused: float, word: str) -> None:
    assert word in findings(NAMES, _found(0.6, 0.7, 0.8, 0.9), fused, 0.8)[2]
