"""The tables of a fit of `lesb_roi`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from lesb_plugin.roi.calibration import WEIGHTS
from lesb_plugin.roi.fitted import RoiScores
from lesb_plugin.roi.summary import tables


def test_what_too_few_pseudo_fakes_leave_undefined_is_a_dash() -> None:
    """Two parts; the only pseudo-fake changes the first."""
    model: Any = SimpleNamespace(
        regions=SimpleNamespace(names=("eyes", "mouth")),
        fusion=SimpleNamespace(weight=WEIGHTS[0], aucs=(0.5,) * len(WEIGHTS)),
    )
    val: Any = SimpleNamespace(
        clean=np.array([False, False]),
        fake=np.array([0, 1]),
        labels=np.array([[0, 0], [1, 0]]),
    )
    scores = RoiScores(
        parts=np.array([[0.1, 0.9], [0.2, 0.3]]),
        fused=np.array([0.1, 0.9]),
        head=np.array([0.1, 0.9]),
    )
    (_, _, parts), (_, _, faces), _ = tables(model, val, scores, scores)
    assert [row[:2] for row in parts] == [("eyes", "1.000"), ("mouth", "-")]
    assert dict(row[:2] for row in faces)["correlation of two parts' scores"] == "-"
