"""The control with random subspaces, of both of LESB's detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import spearmanr

from lesb_plugin.audit.evidence.collect import Collected, collect
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.subject import Subject
from lesb_plugin.audit.evidence.subspaces import RandomSubspaces, rank_beside, whole_direction
from lesb_plugin.audit.measures.agreement import kendall
from lesb_plugin.audit.measures.controls import SUBSPACES
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.rows.part_rows import part_rows
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.audit.rows.standing import called_out
from lesb_plugin.lesb.fitted import FittedLesb, ValReals
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.roi.calibration import Calibration, Fusion
from lesb_plugin.roi.fitted import FittedRoi, RealScores, RoiModel
from lesb_plugin.roi.heads import PartHeads
from registry import Crop, Explanation, Scores
from tests.shared.green import NAMES, collected, inputs, painted_faces

DIM, CELLS = 12, 5
REALS = expit(np.arange(3 * 30.0).reshape(3, 30) / 30 - 1)
DIRECTION = np.random.default_rng(4).normal(size=DIM)


def roi_model(probe: Probe | None = None) -> FittedRoi:
    calibration = Calibration(mean=np.zeros(3), deviation=np.ones(3))
    model = RoiModel(
        regions=region_preset(),
        heads=PartHeads(weight=np.ones((3, CELLS)), bias=np.zeros(3)),
        calibration=calibration,
        fusion=Fusion(weight=0.0, offset=0.0, aucs=()),
        probe=probe,
    )
    return FittedRoi(
        model=model, reals=RealScores(parts=REALS, fused=REALS[0], head=REALS[0]), record={}
    )


class CountingRoi:
    """As `lesb_roi`: an embedding of 4 x 3 mean slopes, then five numbers for each part."""

    encoder = "counting"

    val_reals = Scores(fake=REALS[0], regions=dict(zip(NAMES, REALS, strict=True)))

    def __init__(self) -> None:
        self.model = roi_model()
        self.passes = 0

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        self.passes += len(crops)
        images = np.stack([each.image for each in crops]).astype(np.float64)
        slopes = np.abs(np.diff(images, axis=2, prepend=0))
        quarters = slopes.reshape(-1, 2, 48, 2, 48, 3).mean(axis=(2, 4)).reshape(-1, DIM)
        parts = np.repeat(quarters[:, :3], CELLS, axis=1)
        return np.concatenate([quarters, parts], axis=1).astype(np.float32) / 255

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        whole = embeddings[:, :DIM] @ DIRECTION
        parts = [expit(whole + 0.1 * embeddings[:, k]) for k in range(3)]
        return Scores(fake=expit(whole), regions=dict(zip(NAMES, parts, strict=True)))


class Linear:
    """What an embedder is asked of here."""

    backbone = SimpleNamespace(head_direction=lambda: DIRECTION)


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces(6)


def gathered(faces: list[AuditFace], detector: Any, wanted: tuple[str, ...]) -> Collected:
    subject = Subject(inputs(detector, None, Linear()), NAMES, 16, quiet=True)
    return collect(subject, faces, region_preset(), wanted, np.random.default_rng(0))


@pytest.fixture(scope="module")
def found(faces: list[AuditFace]) -> Collected:
    return gathered(faces, CountingRoi(), ("stability", "sanity"))


@pytest.fixture(scope="module")
def rows(found: Collected) -> dict[str, Row]:
    rng = np.random.default_rng(1)
    draws = Draws((~found.real).astype(np.int64), found.identity, 100, rng)
    return {row.key: row for row in part_rows(found, lambda _key: True, draws, rng)}


def test_scores_in_all_directions_are_the_head_itself_and_read_the_embedding_alone() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(30, DIM + 3 * CELLS))
    whole = RandomSubspaces.drawn(DIRECTION, DIM, 3, rng)
    want = embeddings[:, :DIM] @ DIRECTION
    np.testing.assert_allclose(whole(embeddings), np.repeat(want[:, None], 3, axis=1))
    fewer = RandomSubspaces.drawn(DIRECTION, 2, 3, rng)
    assert np.linalg.matrix_rank(fewer(embeddings)) == 3
    embeddings[:, DIM:] = np.nan  # a crop that a part lies outside of
    assert np.isfinite(fewer(embeddings)).all()


def test_what_is_kept_of_the_head_is_what_lies_in_the_subspace() -> None:
    """A projection: never longer than the head, and as much of it as of the projection itself."""
    drawn = RandomSubspaces.drawn(DIRECTION, 3, 200, np.random.default_rng(0)).directions
    squares = (drawn**2).sum(axis=1)
    np.testing.assert_allclose(drawn @ DIRECTION, squares)
    assert squares.mean() / (DIRECTION @ DIRECTION) == pytest.approx(3 / DIM, abs=0.05)


def test_the_parts_of_lesb_roi_stand_beside_random_subspaces(
    rows: dict[str, Row], found: Collected
) -> None:
    for key in ("right_part", "auc_matrix.diagonal", "redundancy.whole_face", "several_parts"):
        assert SUBSPACES in rows[key].controls, key
    assert found.subspaces is not None
    assert found.subspaces_again is not None
    fakes = ~found.real
    row, other = rows["sanity"], rows["sanity"].controls[SUBSPACES]
    assert row.n == fakes.sum()
    parts, again = found.reading.parts, found.subspaces_again
    assert parts is not None
    for value, scores in ((row.figure.value, parts), (other.value, again)):
        want = [spearmanr(scores[fakes, k], found.subspaces[fakes, k]).statistic for k in range(3)]
        assert value == pytest.approx(np.mean(want))
    assert np.abs(found.subspaces - again).max() > 1e-6


def test_random_subspaces_are_perturbed_as_the_explanation_is(
    rows: dict[str, Row], found: Collected
) -> None:
    assert found.subspaces is not None
    reals = found.subspaces[found.real]

    def z(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((scores - reals.mean(axis=0)) / reals.std(axis=0))

    before = z(found.subspaces[found.perturbed_rows])
    taus = [kendall(before, z(after)) for after in found.perturbed[SUBSPACES].values()]
    assert rows["stability"].controls[SUBSPACES].value == pytest.approx(np.mean(taus))


def test_random_subspaces_cost_no_forward_pass(faces: list[AuditFace]) -> None:
    detector = CountingRoi()
    gathered(faces, detector, ("sanity",))
    assert detector.passes == len(faces)


def test_an_explanation_like_random_subspaces_is_called_out(rows: dict[str, Row]) -> None:
    row = rows["sanity"]
    same = replace(row, figure=row.controls[SUBSPACES])
    assert f"no better than {SUBSPACES}" in called_out(same)


def test_the_reals_are_those_that_the_detector_shows() -> None:
    kept = Subject(inputs(CountingRoi()), NAMES[::-1], 16, quiet=True).val_reals()
    assert kept is not None
    np.testing.assert_array_equal(kept.fake, REALS[0])
    np.testing.assert_array_equal(np.stack([kept.regions[name] for name in NAMES]), REALS)


def test_reals_of_the_artefact_say_nothing_of_an_explainer_or_of_other_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        return [Explanation() for _ in crops]

    assert Subject(inputs(CountingRoi(), explain), NAMES, 16, quiet=True).val_reals() is None
    assert Subject(inputs(CountingRoi()), (*NAMES, "ear"), 16, quiet=True).val_reals() is None
    assert Subject(inputs(object()), NAMES, 16, quiet=True).val_reals() is None
    few = Scores(fake=REALS[0, :19], regions=dict.fromkeys(NAMES, REALS[0, :19]))
    monkeypatch.setattr(CountingRoi, "val_reals", few)
    assert Subject(inputs(CountingRoi()), NAMES, 16, quiet=True).val_reals() is None


def test_directions_are_the_probes_where_there_is_one() -> None:
    probe = Probe(weight=np.arange(DIM, dtype=np.float64), bias=0.0, strength=1.0, auc=0.5)
    for model, want in ((roi_model(probe), probe.weight), (roi_model(), DIRECTION)):
        found = whole_direction(model, cast(Any, Linear.backbone))
        np.testing.assert_array_equal(np.asarray(found), want)


def test_subspaces_are_as_large_as_the_fitted_ones_or_as_lesbs_usual_ones() -> None:
    lfd: Any = SimpleNamespace(rank=7)
    unused: Any = None
    reals = ValReals.of(REALS, REALS[0])
    lesb = FittedLesb(lfd=lfd, heads=unused, probe=None, reals=reals, record={})
    assert rank_beside(lesb, 1280) == 7
    assert [rank_beside(roi_model(), dim) for dim in (1280, 112, 1)] == [128, 56, 1]


def test_a_head_that_is_not_linear_has_no_random_subspaces(faces: list[AuditFace]) -> None:
    embedder = SimpleNamespace(backbone=SimpleNamespace(head_direction=lambda: None))
    subject = Subject(inputs(CountingRoi(), None, embedder), NAMES, 16, quiet=True)
    assert subject.random_subspaces(np.random.default_rng(0)) is None
    assert collected(faces, CountingRoi()).subspaces is None
