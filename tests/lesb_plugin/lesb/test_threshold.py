"""Where .5 lies for LESB's fused score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.fitted import load_fitted
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.threshold import logit_of_half, moved
from lesb_plugin.lfd.artefact import load
from registry import FitReport
from tests.shared.planted import planted_samples
from tests.shared.planted_lesb import fit_context, planted_embedder


@pytest.mark.parametrize("flagged", [0.01, 0.03, 0.2, 0.5])
@pytest.mark.parametrize("centre", [-200.0, -3.0, 0.0, 40.0])
def test_the_share_that_was_asked_for_has_a_mean_score_above_half(
    flagged: float, centre: float
) -> None:
    logits = centre + np.random.default_rng(0).normal(0, 4, (3, 1000))
    by = logit_of_half(logits, flagged)
    assert (expit(logits - by).mean(axis=0) > 0.5).sum() == pytest.approx(1000 * flagged, abs=1)


def test_faces_that_all_score_alike_lie_at_half() -> None:
    assert logit_of_half(np.full((3, 10), 2.5), 0.1) == pytest.approx(2.5)


def test_all_heads_are_moved_alike() -> None:
    rng = np.random.default_rng(0)
    shapes = {"mean": (3, 4), "scale": (3, 4), "weight1": (3, 4, 5), "bias1": (3, 5),
              "weight2": (3, 5), "bias2": (3,)}  # fmt: skip
    made = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    heads, local = Heads(**made), rng.normal(size=(3, 7, 4)).astype(np.float32)
    found = moved(heads, 1.25).logits(local)
    np.testing.assert_allclose(found, heads.logits(local) - 1.25, rtol=1e-6, atol=1e-6)


def fitted(folder: Path, flagged: float) -> FitReport:
    folder.mkdir()
    few = {"train": planted_samples(8), "val": planted_samples(4, first=100)}
    quick = {"rank": 4, "epochs": 2, "pseudo_fakes": 2, "variants": 4, "control_seeds": 1}
    return fit_lesb(fit_context(folder, planted_embedder(grid=8), **quick, **few, flagged=flagged))


@pytest.mark.slow
def test_a_fit_moves_its_heads_says_so_and_leaves_the_papers_alone(tmp_path: Path) -> None:
    paper, other = fitted(tmp_path / "paper", 0.0), fitted(tmp_path / "other", 0.25)
    one, two = (load_fitted(each.artefact, planted_embedder(grid=8).backbone)
                for each in (paper, other))  # fmt: skip
    by = load(other.artefact)[1]["lesb"]["lowered"]
    assert load(paper.artefact)[1]["lesb"]["lowered"] == 0.0
    assert by != 0.0
    np.testing.assert_allclose(two.heads.bias2, one.heads.bias2 - by, rtol=1e-5)
    np.testing.assert_array_equal(two.heads.weight2, one.heads.weight2)
    assert f"(logits moved by {-by:+.2f}), so that the requested share" in " ".join(other.notes)
    assert "moved" not in " ".join(paper.notes)
    # The val reals that later verdicts compare with were scored by the heads that ship.
    logit = np.log(one.reals.parts / (1 - one.reals.parts)) - by
    np.testing.assert_allclose(two.reals.parts, expit(logit), rtol=1e-4)
