"""Deletion and insertion curves, and Shapley values, of a detector that adds up green pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.extended.curves import curve_area, curve_rows, exchanged, ranked
from lesb_plugin.audit.extended.shapley_rows import part_values, shapley_rows
from lesb_plugin.audit.rows.row import Row
from registry import Crop, Explanation
from tests.shared.green import NAMES, GreenDetector, collected, green_map, painted_faces, study_of


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces(6)


@pytest.fixture(scope="module")
def singles(faces: list[AuditFace]) -> list[AuditFace]:
    """Reals, and fakes of one part."""
    return [face for face in faces if face.truth is None or face.truth.sum() == 1]


@pytest.fixture(scope="module")
def curves(singles: list[AuditFace]) -> dict[str, Row]:
    return {row.key: row for row in curve_rows(study_of(singles, GreenDetector(), green_map))}


def test_the_area_is_of_trapezoids() -> None:
    scores = np.random.default_rng(0).random((3, 11))
    np.testing.assert_allclose(curve_area(scores), np.trapezoid(scores, dx=0.1, axis=1))


def test_pixels_are_ranked_by_the_map_and_ties_at_random() -> None:
    heat = np.array([[0.0, 3.0], [3.0, 1.0]], np.float32)
    orders = {tuple(ranked(heat, np.random.default_rng(seed))) for seed in range(20)}
    assert orders == {(1, 2, 3, 0), (2, 1, 3, 0)}


def test_pixels_are_exchanged_tenth_by_tenth() -> None:
    image, other = np.zeros((10, 10, 3), np.uint8), np.full((10, 10, 3), 9, np.uint8)
    order = np.random.default_rng(0).permutation(100)
    steps = exchanged(image, other, order)
    assert [(step == 9).all(axis=2).sum() for step in steps] == list(range(0, 101, 10))
    assert (steps[3].reshape(-1, 3)[order[:30]] == 9).all()
    assert (image == 0).all()


@pytest.mark.slow
def test_who_knows_what_was_changed_undoes_it_in_the_first_step(
    singles: list[AuditFace], curves: dict[str, Row]
) -> None:
    """The changed pixels are fewer than a tenth, so one trapezoid falls and the rest is flat."""
    fakes = [face for face in singles if face.fake]
    assert all(face.mask.mean() < 0.1 for face in fakes)  # type: ignore[union-attr]
    whole = [
        np.subtract(*GreenDetector().score([face.crop, face.source]).fake)  # type: ignore[list-item]
        for face in fakes
    ]
    for key in ("curves.deletion_pristine", "curves.insertion_pristine"):
        assert curves[key].n == len(fakes)
        assert curves[key].controls["oracle"].value == pytest.approx(0.95 * np.mean(whole))


@pytest.mark.slow
def test_a_map_of_the_change_beats_a_random_one(curves: dict[str, Row]) -> None:
    assert len(curves) == 4
    for row in curves.values():
        assert row.undecided == "6 faces are too few (at least 10)"
        assert replace(row, n=10).met is True, row.key  # of as many as a judgement takes
        assert set(row.controls) == {"random map", "centre", "oracle"}  # no gradient: no GradCAM


@pytest.mark.slow
def test_without_a_source_only_the_blurred_baseline_is_left(singles: list[AuditFace]) -> None:
    study = study_of([replace(face, source=None) for face in singles], GreenDetector())
    rows = {row.key: row for row in curve_rows(study)}
    assert rows["curves.deletion_pristine"].figure.reason == "no fake has a known source"
    assert rows["curves.deletion_blur"].figure.value is not None
    assert shapley_rows(study)[0].figure.reason == "no fake has a known source"


# --- Shapley -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_shapley_values_and_restoring_are_captums(faces: list[AuditFace]) -> None:
    from captum.attr import FeatureAblation, ShapleyValues

    found = collected(faces, GreenDetector())
    study = study_of(faces, GreenDetector())
    for row in (1, 2):
        face = faces[row]

        def forward(present: torch.Tensor, face: AuditFace = face) -> torch.Tensor:
            crops = []
            for kept in present.numpy() > 0.5:
                restored = face.parts[~kept].any(axis=0)[..., None]
                image = np.where(restored, face.source.image, face.crop.image)  # type: ignore[union-attr]
                crops.append(replace(face.crop, image=image))
            return torch.from_numpy(GreenDetector().score(crops).fake)

        everything, nothing = torch.ones(1, 3), torch.zeros(1, 3)
        wanted = ShapleyValues(forward).attribute(everything, baselines=nothing)
        np.testing.assert_allclose(part_values(study, face), wanted[0].numpy(), atol=1e-6)
        ablated = FeatureAblation(forward).attribute(everything, baselines=nothing)
        np.testing.assert_allclose(found.restored[row], ablated[0].numpy(), atol=1e-6)


@pytest.mark.slow
def test_the_row_is_scipys_correlation_with_those_values(faces: list[AuditFace]) -> None:
    rng = np.random.default_rng(3)

    def noise(crops: Sequence[Crop]) -> list[Explanation]:
        return [Explanation(regions=dict(zip(NAMES, rng.normal(size=3), strict=True)))
                for _ in crops]  # fmt: skip

    study = study_of(faces, GreenDetector(), noise)
    row, named = shapley_rows(study)
    assert study.z is not None
    wanted = [spearmanr(study.z[at], part_values(study, faces[at])).statistic for at in study.fakes]
    assert row.figure.value == pytest.approx(np.mean(wanted))
    assert row.controls["oracle"].value == 1.0
    assert named.figure.value == 1.0
    assert (named.n, named.controls["constant part"].value) == (6, pytest.approx(1 / 3))


def test_the_chosen_fakes_are_as_many_as_asked_for(faces: list[AuditFace]) -> None:
    study = study_of(faces, GreenDetector(), extended_faces=4)
    assert len(study.fakes) == 4
    assert study.found.known[study.fakes].all()
    assert study.found.real[study.reals].all()
    assert shapley_rows(study)[0].n == 4
