from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from lesb_plugin.lfd.subspace import Scatter, fit_subspace, fix_signs, largest_rank

N, M, D = 40, 6, 24


def embeddings(seed: int = 0, n: int = N, m: int = M, d: int = D) -> np.ndarray:
    """Large differences between images, smaller ones within, as networks have them."""
    rng = np.random.default_rng(seed)
    within = rng.normal(size=(n, m, d)) * np.geomspace(3, 0.1, d)
    return (rng.normal(size=(n, 1, d)) * 50 + within @ rng.normal(size=(d, d))).astype(np.float32)


def clean_of(batch: np.ndarray) -> np.ndarray:
    return batch[:, 0] + np.float32(0.5)


def filled(batch: np.ndarray) -> Scatter:
    return Scatter(batch.shape[2]).update(batch)


@pytest.mark.parametrize("rank", [1, 5, D])
def test_subspaces_agree_with_scikit_learn_on_the_same_centred_embeddings(rank: int):
    batch = embeddings()
    centred = batch.astype(np.float64) - batch.mean(axis=1, dtype=np.float64, keepdims=True)
    reference = PCA(rank, svd_solver="full").fit(centred.reshape(-1, D))
    found = fit_subspace(filled(batch), rank)
    assert subspace_angles(found.basis, reference.components_.T).max() < 1e-5
    rescaled = reference.explained_variance_ * (N * M - 1) / (N * (M - 1))
    np.testing.assert_allclose(found.eigenvalues[:rank], rescaled, rtol=1e-10)


def test_differences_to_the_clean_embedding_agree_with_an_uncentred_svd():
    batch = embeddings()
    clean = clean_of(batch)
    rows = (batch.astype(np.float64) - clean[:, None]).reshape(-1, D)
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    found = fit_subspace(Scatter(D, "clean").update(batch, clean), 4)
    assert subspace_angles(found.basis, right[:4].T).max() < 1e-5
    np.testing.assert_allclose(found.eigenvalues, singular**2 / (N * M), rtol=1e-8)


def test_the_divisor_is_that_of_a_pooled_covariance():
    batch = embeddings()
    pooled = np.mean([np.cov(image.T.astype(np.float64)) for image in batch], axis=0)
    np.testing.assert_allclose(filled(batch).within, pooled, rtol=1e-9, atol=1e-9)


def test_at_full_rank_projecting_and_back_loses_nothing():
    batch = embeddings()
    basis = fit_subspace(filled(batch), D).basis
    vectors = batch[:, 0].astype(np.float64)
    np.testing.assert_allclose(vectors @ basis @ basis.T, vectors, rtol=1e-10)
    np.testing.assert_allclose(basis.T @ basis, np.eye(D), atol=1e-12)


def test_eigenvalues_descend_and_reconstruct_the_covariance():
    scatter = filled(embeddings())
    found = fit_subspace(scatter, D)
    assert (np.diff(found.eigenvalues) <= 0).all()
    rebuilt = found.basis * found.eigenvalues @ found.basis.T
    np.testing.assert_allclose(rebuilt, scatter.within, atol=1e-9 * found.eigenvalues[0])


def test_blocks_of_images_add_up_to_all_at_once():
    batch = embeddings()
    whole, pieces = filled(batch), Scatter(D)
    for start in range(0, N, 7):
        pieces.update(batch[start : start + 7])
    np.testing.assert_allclose(pieces.within, whole.within, rtol=1e-12)
    assert (pieces.images, pieces.variants) == (N, N * M)


def test_merging_two_scatters_is_the_scatter_of_both():
    batch = embeddings()
    one, other = filled(batch[:15]), filled(batch[15:])
    before = one.within
    both = one.merge(other)
    np.testing.assert_allclose(both.within, filled(batch).within, rtol=1e-12)
    assert (both.images, both.variants) == (N, N * M)
    assert np.array_equal(one.within, before)
    assert one.images == 15


def test_vectors_of_scatters_add_up_to_that_of_their_merge():
    batch = embeddings()
    one, other = filled(batch[:15]), filled(batch[15:])
    both, merged = one.of_vector(one.to_vector() + other.to_vector()), one.merge(other)
    assert np.array_equal(both.within, merged.within)
    assert (both.images, both.variants, both.reference) == (N, N * M, "mean")
    assert np.array_equal(one.within, filled(batch[:15]).within)


def test_scatters_of_another_kind_do_not_merge():
    with pytest.raises(ValueError, match="cannot merge a scatter of dim 24 about 'mean'"):
        Scatter(D).merge(Scatter(D, "clean"))
    with pytest.raises(ValueError, match="with one of dim 3"):
        Scatter(D).merge(Scatter(3))


def test_the_sign_is_that_of_the_largest_component():
    basis = fit_subspace(filled(embeddings()), 8).basis
    largest = basis[np.abs(basis).argmax(axis=0), np.arange(8)]
    assert (largest > 0).all()
    flips = np.where(np.arange(8) % 2, 1.0, -1.0)
    flipped = basis * flips
    assert np.array_equal(fix_signs(flipped), basis)
    assert np.array_equal(flipped, basis * flips)


def test_the_order_of_images_does_not_change_the_basis():
    batch = embeddings()
    basis = fit_subspace(filled(batch), 6).basis
    shuffled = fit_subspace(filled(batch[::-1]), 6).basis
    np.testing.assert_allclose(shuffled, basis, atol=1e-9)


def test_float32_embeddings_with_a_large_offset_keep_their_small_differences():
    batch = embeddings(n=200) * np.float32(1e-3) + np.float32(1e3)
    exact = batch.astype(np.float64)
    exact -= exact.mean(axis=1, keepdims=True)
    rows = exact.reshape(-1, D)
    np.testing.assert_allclose(filled(batch).within, rows.T @ rows / (200 * (M - 1)), rtol=1e-9)


def test_what_goes_in_is_left_as_it_was():
    batch = embeddings()
    before = batch.copy()
    scatter = filled(batch)
    within = scatter.within
    fit_subspace(scatter, 3)
    assert np.array_equal(batch, before)
    assert np.array_equal(scatter.within, within)


@pytest.mark.parametrize("n", [3, 200])
def test_peak_memory_does_not_depend_on_the_number_of_images(n: int):
    scatter = Scatter(200)
    batch = embeddings(n=4, m=8, d=200)
    scatter.update(batch)
    tracemalloc.start()
    for _ in range(n):
        scatter.update(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * 200 * 200 * 8


@pytest.mark.parametrize(
    ("dim", "images", "variants", "reference", "largest"),
    [(10, 3, 2, "mean", 3), (10, 3, 2, "clean", 6), (4, 100, 16, "mean", 4), (9, 5, 1, "mean", 0)],
)
def test_the_largest_rank_is_what_data_and_dimension_allow(
    dim, images, variants, reference, largest
):
    assert largest_rank(dim, images, variants, reference) == largest


@pytest.mark.parametrize("rank", [0, 11, -1])
def test_an_impossible_rank_is_an_error_that_names_the_numbers(rank: int):
    scatter = filled(embeddings(n=2))  # 2 images of 6 variants: 10 degrees of freedom
    with pytest.raises(
        ValueError, match=rf"rank {rank} is not between 1 and 10.*length 24.*10 deg"
    ):
        fit_subspace(scatter, rank)


def test_a_rank_beyond_the_directions_that_vary_is_an_error():
    batch = embeddings()
    batch[:, :, 3:] = 1.0
    assert fit_subspace(filled(batch), 3).rank == 3
    with pytest.raises(
        ValueError, match="rank 4 cannot be used: the variants differ in only 3 directions"
    ):
        fit_subspace(filled(batch), 4)


def test_variants_that_never_differ_are_an_error():
    with pytest.raises(ValueError, match="differ in only 0 directions"):
        fit_subspace(filled(np.ones((5, 4, D), np.float32)), 1)


def test_one_variant_per_image_has_no_scatter_about_its_mean():
    with pytest.raises(ValueError, match="no degree of freedom"):
        filled(embeddings(m=1)).within  # noqa: B018


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused(value: float):
    batch = embeddings()
    batch[3, 2, 1] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
        filled(batch)


def test_wrong_shapes_and_references_are_errors():
    with pytest.raises(ValueError, match=r"expected embeddings \(n, M, 24\), got \(6, 24\)"):
        Scatter(D).update(embeddings()[0])
    with pytest.raises(ValueError, match="'clean' needs clean embeddings"):
        Scatter(D, "clean").update(embeddings())
    with pytest.raises(ValueError, match="neither 'mean' nor 'clean'"):
        Scatter(D, "median")  # type: ignore[arg-type]
