"""Counts at a threshold, against scikit-learn and by hand; the table of methods and variants."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from registry.builtin.reports.html import write_html
from registry.builtin.reports.overview import confusion, threshold_at
from registry.results.aggregation import aggregate
from registry.results.predictions import read_predictions
from tests.shared.chromium import dom_after, needs_chromium
from tests.shared.synthetic_run import drawn_rows, run_folder

RNG = np.random.default_rng(3)
LABELS = RNG.integers(0, 2, 200)
SCORES = np.round(RNG.random(200) * 0.7 + 0.3 * LABELS, 2)


@pytest.mark.parametrize("threshold", [0.0, 0.31, 0.5, 1.1])
def test_counts_are_those_of_scikit_learn(threshold: float) -> None:
    (passed, alarms), (missed, found) = confusion_matrix(LABELS, threshold <= SCORES, labels=[0, 1])
    assert confusion(LABELS, SCORES, threshold) == (found, missed, passed, alarms)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_no_more_reals_reach_the_threshold_than_allowed_and_no_lower_one_would_do(
    share: float,
) -> None:
    reals = SCORES[LABELS == 0]
    at = threshold_at(LABELS, SCORES, share)
    assert (reals >= at).mean() <= share
    if share < 1:
        assert (reals >= np.nextafter(at, -1)).mean() > share


# --- the slider ------------------------------------------------------------------------------

_MOVE = """
const row = document.querySelector("tr.own");
const slider = row.querySelector("input");
const shown = ["0.5", "0.31", "0", "1"].map((at) => {
  slider.value = at;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
  const cells = [...row.cells].slice(1).map((cell) => Number(cell.textContent));
  return [row.querySelector("output").textContent, ...cells];
});
document.title = JSON.stringify([row.hidden, shown]);
"""


@needs_chromium
@pytest.mark.slow
def test_the_slider_counts_what_its_threshold_makes_of_the_videos(tmp_path: Path) -> None:
    result = run_folder(tmp_path, drawn_rows("drawn", people=12), draws=0)
    page = write_html(result, tmp_path).read_text("utf-8")
    dom = dom_after(_MOVE, page, tmp_path)
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    hidden, shown = json.loads(title[1])
    assert hidden is False
    videos = aggregate(*read_predictions(tmp_path))["video"]
    scores = videos.scores["lesb"]
    for text, *counts in shown:
        truth = confusion_matrix(videos.label, scores >= float(text), labels=[0, 1])
        (passed, alarms), (missed, found) = truth
        assert counts == [found, missed, passed, alarms], text
    assert [text for text, *_ in shown] == ["0.50", "0.31", "0.00", "1.00"]
    assert len({tuple(counts) for _, *counts in shown}) > 2  # it moves something
