"""Rows of faces of which too little is known to say whether the explanation names parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.rows.part_rows import part_rows
from lesb_plugin.audit.rows.row import Row
from tests.shared.green import GreenDetector, collected, painted_faces


def first(found: Collected) -> Row:
    rng = np.random.default_rng(1)
    drawn = Draws((~found.real).astype(np.int64), found.identity, 50, rng)
    return part_rows(found, "right_part".__eq__, drawn, rng)[0]


@pytest.mark.slow
def test_a_detector_that_is_always_right_is_not_judged_by_one_part_or_few_people() -> None:
    """Ten people, each with one part changed: eyes, nose and mouth in turn."""
    seen = collected(painted_faces(), GreenDetector())
    assert (first(seen).met, first(seen).people) == (True, 10)
    of_four = replace(seen, identity=seen.identity % 4)
    assert (first(of_four).figure.value, first(of_four).met) == (1.0, None)
    assert first(of_four).undecided == "faces of 4 people are too few (at least 5)"
    turned = np.where(seen.single[:, None], np.array([True, False, False]), seen.truth)
    one_part = replace(seen, truth=turned)  # only the eyes, in which it is right four times
    assert first(one_part).controls["constant part"].value == 1.0
    assert first(one_part).met is None
    assert first(one_part).undecided.startswith("always naming the same part is right")
