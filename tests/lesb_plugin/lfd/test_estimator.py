"""LFD as an estimator: what the detector's fit learns, in the manner of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from lesb_plugin.lfd.estimator import LFD
from lesb_plugin.lfd.fit import Principal, collect_lfd
from registry import Embedder
from tests.shared.planted import PlantedBackbone, planted_samples

N, M, D, RANK = 20, 5, 12, 3
PARTS = ("eyes", "mouth")


def groups(seed: int = 0, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Samples that lie far apart, with variants that spread differently for each part."""
    rng = np.random.default_rng(seed)
    samples = 50 * rng.normal(size=(N, 1, D))
    spread = np.geomspace(4, 0.1, D)
    return {
        part: (samples + rng.normal(size=(N, M, D)) * np.roll(spread, 5 * k)).astype(dtype)
        for k, part in enumerate(PARTS)
    }


def clean() -> np.ndarray:
    return np.stack(list(groups().values())).mean(axis=(0, 2)) + 0.5


class Recorded(Embedder):
    """An embedder that keeps what it gave."""

    def __init__(self, size: int, grid: int) -> None:
        super().__init__(PlantedBackbone(size=size, grid=grid), batch_size=64)
        self.given: list[np.ndarray] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.given.append(super().__call__(images))
        return self.given[-1]


# --- the mathematics -------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["mean", "clean"])
def test_it_learns_what_the_fit_of_the_detector_learns(reference: Any, regions, psi) -> None:
    embedder = Recorded(size=32, grid=4)
    found = collect_lfd(
        embedder, planted_samples(8), regions, psi,
        ranks=(4,), variants=6, reference=reference, quiet=True,
    )  # fmt: skip
    faces = np.stack(embedder.given)  # (N, 1 + K M, d), the unchanged face first
    variants = faces[:, 1:].reshape(8, 3, 6, -1)
    given = {part: variants[:, k] for k, part in enumerate(regions.names)}
    lfd = LFD(4, reference=reference).fit(given, clean=faces[:, 0])
    scatters, whole = found.statistics.scatters, found.at(4)
    for part, columns in lfd.part_slices_.items():
        expected = Principal().solve(scatters, part, 4)
        np.testing.assert_allclose(lfd.components_[columns], expected.basis.T, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            lfd.explained_variance_[columns], expected.eigenvalues[:4], rtol=1e-10
        )
    np.testing.assert_allclose(lfd.mean_, found.statistics.mean, rtol=1e-10)
    projected = whole.project(faces[:, 0])  # in float32, as artefacts are
    np.testing.assert_allclose(
        lfd.transform(faces[:, 0]), np.hstack(list(projected.values())), rtol=0, atol=1e-3
    )


def test_of_one_part_it_is_pca_of_variants_centred_on_their_sample() -> None:
    variants = groups()["eyes"]
    rows = (variants - variants.mean(axis=1, keepdims=True)).reshape(-1, D)
    pca = PCA(RANK, svd_solver="full").fit(rows)
    lfd = LFD(RANK).fit({"eyes": variants})
    signs = np.sign((lfd.components_ * pca.components_).sum(axis=1))
    np.testing.assert_allclose(lfd.components_ * signs[:, None], pca.components_, atol=1e-8)
    np.testing.assert_allclose(lfd.explained_variance_ratio_, pca.explained_variance_ratio_)


def test_its_parts_are_columns_that_its_attributes_describe() -> None:
    lfd = LFD(RANK).fit(groups())
    embeddings = clean()
    local = lfd.transform(embeddings)
    assert local.shape == (N, 2 * RANK)
    assert lfd.components_.shape == (2 * RANK, D)
    assert lfd.explained_variance_.shape == lfd.explained_variance_ratio_.shape == (2 * RANK,)
    assert lfd.parts_.tolist() == list(PARTS)
    assert lfd.n_features_in_ == D
    mouth = lfd.part_slices_["mouth"]
    by_hand = (embeddings - lfd.mean_) @ lfd.components_[mouth].T
    np.testing.assert_allclose(local[:, mouth], by_hand)
    assert lfd.get_feature_names_out()[mouth].tolist() == ["mouth_0", "mouth_1", "mouth_2"]
    alone = LFD(RANK).fit({"mouth": groups()["mouth"]})
    np.testing.assert_allclose(lfd.components_[mouth], alone.components_)
    full = LFD(D).fit(groups())
    for columns in full.part_slices_.values():
        assert full.explained_variance_ratio_[columns].sum() == pytest.approx(1)


def test_without_clean_embeddings_it_centres_on_the_mean_of_all_variants() -> None:
    every = np.concatenate([each.reshape(-1, D) for each in groups().values()])
    np.testing.assert_allclose(LFD(RANK).fit(groups()).mean_, every.mean(axis=0))
    found = LFD(RANK).fit(groups(), clean=clean())
    np.testing.assert_allclose(found.mean_, clean().mean(axis=0))


def test_samples_may_have_different_numbers_of_variants() -> None:
    variants = groups()["eyes"]
    uneven = [each[: 2 + number % 3] for number, each in enumerate(variants)]
    within = sum((len(each) - 1) * np.cov(each.T) for each in uneven)
    freedom = sum(len(each) - 1 for each in uneven)
    found = LFD(RANK).fit({"eyes": uneven})
    expected = np.linalg.eigvalsh(within / freedom)[::-1][:RANK]
    np.testing.assert_allclose(found.explained_variance_, expected)
    even = LFD(RANK).fit({"eyes": list(variants)})
    np.testing.assert_allclose(even.components_, LFD(RANK).fit({"eyes": variants}).components_)


def test_the_inverse_is_the_projection_onto_all_subspaces_together() -> None:
    lfd, embeddings = LFD(RANK).fit(groups()), clean()
    back = lfd.inverse_transform(lfd.transform(embeddings))
    np.testing.assert_allclose(lfd.transform(back), lfd.transform(embeddings), atol=1e-8)
    basis = np.linalg.qr(lfd.components_.T)[0]  # (d, K r)
    projected = (embeddings - lfd.mean_) @ basis @ basis.T + lfd.mean_
    np.testing.assert_allclose(back, projected, atol=1e-8)
    full = LFD(D).fit(groups())  # both parts span everything, so directions are shared
    np.testing.assert_allclose(full.inverse_transform(full.transform(embeddings)), embeddings)


def test_groups_are_left_as_they_are_and_float32_is_summed_in_float64() -> None:
    given = groups(dtype=np.float32)
    before = {part: each.copy() for part, each in given.items()}
    found = LFD(RANK).fit(given)
    wide = LFD(RANK).fit({part: each.astype(np.float64) for part, each in given.items()})
    np.testing.assert_allclose(found.components_, wide.components_, atol=1e-12)
    for part, each in given.items():
        np.testing.assert_array_equal(each, before[part])


# --- the manner of scikit-learn --------------------------------------------------------------


def test_it_stands_in_a_pipeline_and_is_cloned_with_its_parameters_alone() -> None:
    lfd = LFD(RANK, reference="clean").fit(groups(), clean=clean())
    copied = clone(lfd)
    assert copied.get_params() == {"rank": RANK, "reference": "clean"}
    assert not hasattr(copied, "components_")
    assert copied.set_params(rank=1).rank == 1
    labels = np.arange(N) % 2
    embeddings = clean() + 3 * labels[:, None] * lfd.components_[0]
    head = LogisticRegression(max_iter=1000).fit(lfd.transform(embeddings), labels)
    joined = make_pipeline(lfd, head)
    np.testing.assert_array_equal(
        joined.predict(embeddings), head.predict(lfd.transform(embeddings))
    )


def test_it_gives_data_frames_where_they_are_asked_for() -> None:
    pytest.importorskip("pandas")
    frame = LFD(1).set_output(transform="pandas").fit(groups()).transform(clean())
    assert list(frame.columns) == ["eyes_0", "mouth_0"]


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_before_fit_it_says_so(method: str) -> None:
    arguments = () if method == "get_feature_names_out" else (clean(),)
    with pytest.raises(NotFittedError, match="This LFD instance is not fitted yet"):
        getattr(LFD(), method)(*arguments)


def with_nan() -> dict[str, np.ndarray]:
    given = groups()
    given["mouth"][3, 2, 1] = np.nan
    return given


FAULTS: list[tuple[dict[str, Any], Any, str]] = [
    ({}, {}, "groups is empty"),
    ({}, {"eyes": np.zeros((N, D))}, r"'eyes': embeddings must be \(N, M, d\).*\(20, 12\)"),
    ({}, {"eyes": np.zeros((0, M, D))}, r"'eyes'.*shape \(0, 5, 12\)"),
    ({}, {"eyes": []}, "'eyes' has no samples"),
    ({}, {"eyes": [np.zeros((M, D)), np.zeros(D)]}, r"'eyes': \(12,\) is not an array \(M, d\)"),
    ({}, {"eyes": np.full((N, M, D), "x")}, "'eyes': embeddings must be real numbers, not <U1"),
    ({}, {**groups(), "nose": np.zeros((N, M, 4))}, r"the same length d.*eyes \[12\].*nose \[4\]"),
    ({}, with_nan(), "part 'mouth': embeddings hold NaN or infinity"),
    ({"rank": 13}, groups(), r"'eyes': rank 13 is not between 1 and 12.*lower the rank"),
    ({"rank": 1.5}, groups(), "rank is 1.5; it must be a whole number"),
    ({}, {"eyes": groups()["eyes"][:, :1]}, "'eyes': rank 3 is not between 1 and 0"),
    ({}, {"eyes": np.ones((N, M, D))}, "'eyes'.*differ in only 0 directions"),
    ({"reference": "median"}, groups(), "reference 'median' is neither 'mean' nor 'clean'"),
    ({"reference": "clean"}, groups(), "each of its 20 samples, got 0; pass fit"),
]


@pytest.mark.parametrize(("parameters", "given", "message"), FAULTS, ids=[f[2] for f in FAULTS])
def test_what_it_cannot_learn_from_is_named(
    parameters: dict[str, Any], given: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LFD(**{"rank": RANK, **parameters}).fit(given)


def test_clean_embeddings_have_to_fit_the_groups() -> None:
    with pytest.raises(ValueError, match="embeddings of length 11, the parts have length 12"):
        LFD(RANK).fit(groups(), clean=clean()[:, 1:])
    with pytest.raises(ValueError, match="each of its 20 samples, got 19;"):
        LFD(RANK, reference="clean").fit(groups(), clean=clean()[1:])


def test_groups_and_embeddings_are_not_taken_for_each_other() -> None:
    with pytest.raises(TypeError, match=r"groups must map names of parts.*got a ndarray"):
        LFD(RANK).fit(clean())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"call fit\(groups\), then transform"):
        LFD(RANK).fit_transform(groups())
