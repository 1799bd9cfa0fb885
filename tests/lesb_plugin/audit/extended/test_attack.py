"""The attack and LIME, on scores of which it is known how they move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lesb_plugin.audit.extended import attack_rows as attack_rows_module
from lesb_plugin.audit.extended.attack_rows import attack_rows
from lesb_plugin.audit.extended.lime import (
    coalition_samples,
    lime_weights,
    part_means,
    segment_means,
    slic_segments,
)
from lesb_plugin.audit.extended.nes import NesRecipe, attacked
from lesb_plugin.audit.extended.rows import extended_rows
from registry import Crop, Scores
from tests.shared.green import NAMES, hulls, painted_faces, study_of

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(40, 200, (12, 12, 3), "u1")
SLOPE = RNG.choice([-1.0, 1.0], (12, 12, 3))
MASK = np.zeros((12, 12), bool)
MASK[2:5, 3:6] = True


def linear(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (images * SLOPE).sum(axis=(1, 2, 3)) / 100 + 1e4


def test_a_linear_score_falls_and_nothing_leaves_the_region_or_epsilon() -> None:
    recipe = NesRecipe()
    found = attacked(linear, IMAGE, MASK, recipe, np.random.default_rng(1))
    moved = found.astype(int) - IMAGE
    assert (moved[~MASK] == 0).all()
    assert abs(moved).max() == recipe.epsilon
    downhill = (np.sign(moved) == -SLOPE)[MASK].mean()
    assert downhill > 0.95
    assert linear(found[None]) < linear(IMAGE[None]) - 0.6 * 16 * 3 * MASK.sum() / 100


def test_values_stay_within_eight_bits() -> None:
    image = np.where(SLOPE > 0, 3, 252).astype(np.uint8)
    found = attacked(linear, image, MASK, NesRecipe(), np.random.default_rng(1))
    assert set(np.unique(found[MASK])) <= {*range(20), *range(236, 256)}


def test_it_ends_as_soon_as_the_face_passes_for_real() -> None:
    asked: list[NDArray[np.float64]] = []

    def score(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        asked.append(linear(images) - linear(IMAGE[None]) + 0.5)
        return asked[-1]

    attacked(score, IMAGE, MASK, NesRecipe(), np.random.default_rng(1))
    starts = [each[0] for each in asked]
    assert all(len(each) == 41 for each in asked)
    assert starts[-1] < 0 <= min(starts[:-1])
    assert 1 < len(asked) < 50


def test_the_gradient_over_a_single_value_is_exact() -> None:
    """With one value only its sign matters, and one step goes the right way."""
    mask = np.zeros((12, 12), bool)
    mask[0, 0] = True
    recipe = NesRecipe(steps=1, samples=200)
    found = attacked(linear, IMAGE, mask, recipe, np.random.default_rng(0)).astype(int)
    np.testing.assert_array_equal(found[0, 0] - IMAGE[0, 0], -SLOPE[0, 0])


# --- LIME ----------------------------------------------------------------------------------------


def test_lime_is_captums() -> None:
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr._core.lime import LimeBase

    rng = np.random.default_rng(2)
    kept = coalition_samples(60, 7, rng)
    effect, pair = rng.normal(size=7), rng.normal()

    def score(present: NDArray[np.floating]) -> NDArray[np.float64]:
        return present @ effect + pair * present[:, 0] * present[:, 3]

    def closeness(_whole: torch.Tensor, present: torch.Tensor, *_: object, **__: object) -> float:
        distance = 1 - torch.nn.functional.cosine_similarity(present, torch.ones_like(present))
        return float(torch.exp(-(distance**2) / (2 * 0.25**2)))

    samples = iter(torch.from_numpy(kept).double()[:, None])
    lime = LimeBase(
        lambda x: torch.from_numpy(score(x.numpy())),
        interpretable_model=SkLearnRidge(alpha=1.0),
        similarity_func=closeness,
        perturb_func=lambda *_, **__: next(samples),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda present, *_, **__: present,
        to_interp_rep_transform=None,
    )
    wanted = lime.attribute(torch.ones(1, 7).double(), n_samples=60)
    found = lime_weights(kept, score(kept.astype(float)))
    np.testing.assert_allclose(found, wanted[0].numpy(), rtol=1e-4, atol=1e-4)


def test_lime_finds_what_a_linear_score_is_made_of() -> None:
    effect = np.array([3.0, 0.0, -1.0, 0.5])
    kept = coalition_samples(4000, 4, np.random.default_rng(0))
    assert kept[0].all()
    np.testing.assert_allclose(lime_weights(kept, kept @ effect), effect, atol=0.02)


def test_segments_partition_the_image_and_follow_it() -> None:
    pytest.importorskip("skimage")
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    segments = slic_segments(image)
    assert 30 <= segments.max() + 1 <= 70
    np.testing.assert_array_equal(np.unique(segments), np.arange(segments.max() + 1))
    assert not np.intersect1d(segments[:, :32], segments[:, 32:]).size
    means = segment_means(image[..., 0].astype(np.float32), segments)
    for number in range(segments.max() + 1):
        assert means[number] == image[..., 0][segments == number].mean()


def test_a_part_has_the_mean_of_its_pixels_segments() -> None:
    segments = np.array([[0, 0, 1], [2, 2, 1]])
    masks = np.array([[[1, 1, 1], [0, 0, 0]], [[0, 0, 1], [0, 1, 1]], [[0, 0, 0], [1, 0, 0]]], bool)
    weights = np.array([3.0, -6.0, 1.0])
    np.testing.assert_allclose(part_means(weights, segments, masks), [0.0, -11 / 3, 1.0])


# --- rows ----------------------------------------------------------------------------------------


class MouthDetector:
    """The mean green of the mouth, which lies at one place in all drawn faces; names the mouth."""

    def __init__(self, crop: Crop) -> None:
        self.mask = hulls(crop)[2]

    def score(self, crops: Sequence[Crop]) -> Scores:
        fake = np.array([crop.image[self.mask, 1].mean() / 255 for crop in crops])
        low = np.full(len(crops), 0.1)
        return Scores(fake=fake, regions=dict(zip(NAMES, (low, low, fake), strict=True)))


@pytest.mark.slow
def test_only_where_it_looks_can_the_detector_be_attacked() -> None:
    faces = [face for face in painted_faces(9) if face.truth is None or face.truth[2]]
    study = study_of(faces, MouthDetector(faces[0].crop), attack_steps=12, lime_samples=60)
    rows = {row.key: row for row in attack_rows(study)}
    own = rows["attack.parts_1"]
    scored = sum(study.found.reading.fake[study.fakes] > 0.5)
    assert own.n == scored >= 9
    assert own.figure.value is not None
    assert 0 < own.figure.value <= 12 / 255
    assert set(own.controls) == {"random", "constant part", "oracle", "LIME"}
    for who in ("random", "constant part", "LIME"):
        assert own.controls[who].value <= own.figure.value  # type: ignore[operator]
    assert own.aim.text == "beats LIME"
    segments = rows["attack.segments_1"]
    assert set(segments.controls) == {"LIME", "random"}
    assert segments.controls["LIME"].value > 0  # type: ignore[operator]


def test_lime_over_parts_takes_no_more_scores_than_over_segments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("skimage")
    fits = []

    def counted(kept: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        fits.append(len(kept))
        return lime_weights(kept, scores)

    monkeypatch.setattr(attack_rows_module, "lime_weights", counted)
    faces = painted_faces(3)
    study = study_of(faces, MouthDetector(faces[0].crop), attack_steps=1, lime_samples=60)
    rows = {row.key: row for row in attack_rows(study)}
    assert fits == [60] * rows["attack.parts_1"].n == [60] * rows["attack.segments_1"].n


def test_ctrl_c_leaves_the_faces_that_were_attacked_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces = painted_faces(5)
    study = study_of(faces, MouthDetector(faces[0].crop), attack_steps=1, lime_samples=50)
    whole = {row.key: row for row in attack_rows(study)}["attack.parts_1"]
    fits = []

    def interrupted(kept: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        fits.append(len(kept))
        if len(fits) == 3:
            raise KeyboardInterrupt
        return lime_weights(kept, scores)

    monkeypatch.setattr(attack_rows_module, "lime_weights", interrupted)
    found, stopped = extended_rows(study, ("attack",))
    rows = {row.key: row for row in found}
    assert stopped
    assert rows["attack.parts_1"].n == rows["attack.segments_1"].n == 2 < whole.n
    assert rows["attack.parts_1"].figure.value is not None

    fits[:] = [0, 0]  # now in the first face
    assert [row.figure.reason for row in extended_rows(study, ("attack",))[0]] == [
        "stopped before it could be measured"
    ]


def test_faces_that_pass_for_real_need_no_attack() -> None:
    class Blind:
        def score(self, crops: Sequence[Crop]) -> Scores:
            low = np.linspace(0.1, 0.2, len(crops))
            return Scores(fake=low, regions=dict.fromkeys(NAMES, low))

    rows = attack_rows(study_of(painted_faces(3), Blind()))
    assert [row.figure.reason for row in rows] == ["no fake scores above 0.5"] * 2


def test_without_scikit_image_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = painted_faces(3)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    study = study_of(faces, MouthDetector(faces[0].crop), attack_steps=1, lime_samples=50)
    rows = {row.key: row for row in attack_rows(study)}
    assert rows["attack.parts_1"].aim.text == "beats random"
    assert "LIME" not in rows["attack.parts_1"].controls
    assert "lesb-plugin[audit]" in rows["attack.segments"].figure.reason
    assert "attack.parts_1" in rows
