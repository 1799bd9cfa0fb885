"""Contrastive subspaces, on scatters whose directions are known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import subspace_angles

from lesb_plugin.gep.subspace import (
    Weights,
    contrast,
    contrastive_subspace,
    directions,
    own_shares,
)
from lesb_plugin.lfd.subspace import Scatter, Subspace, fit_subspace

D, PARTS = 24, ("eyes", "nose", "mouth")
WEIGHTS = Weights(identity=1.0, noise=0.1, ridge=1e-3)
AXES = np.linalg.qr(np.random.default_rng(7).normal(size=(D, D)))[0]  # (d, d), of what is planted
SHARED, OWN, FACES, QUALITY = 0, {"eyes": 1, "nose": 2, "mouth": 3}, 4, 5


def drawn(seed: int, n: int = 400, m: int = 8, **spread: float) -> NDArray[np.float64]:
    """Embeddings (n, m, d) of images far apart, whose variants spread so much along AXES."""
    rng = np.random.default_rng(seed)
    deviations = np.full(D, 0.05)
    for axis, deviation in spread.items():
        deviations[int(axis.removeprefix("a"))] = deviation
    within = rng.normal(size=(n, m, D)) * deviations @ AXES.T
    return np.asarray(rng.normal(size=(n, 1, D)) * 50 + within)


def planted(**more: float) -> dict[str, Scatter]:
    """Five times as much of every part's variation is along one shared axis as along its own."""
    return {
        part: Scatter(D).update(drawn(k, **{f"a{SHARED}": 5.0, f"a{OWN[part]}": 1.0, **more}))
        for k, part in enumerate(PARTS)
    }


def along(*axes: int) -> NDArray[np.float64]:
    """A covariance (d, d) along some of AXES, 1 each."""
    return np.asarray(AXES[:, axes] @ AXES[:, axes].T)


def fitted(
    scatters: dict[str, Scatter],
    part: str,
    rank: int = 1,
    identity: Any = None,
    noise: Any = None,
    weights: Weights = WEIGHTS,
) -> Subspace:
    identity = along(FACES) if identity is None else identity
    noise = along(QUALITY) if noise is None else noise
    against = contrast(scatters, part, identity, noise, weights)
    return contrastive_subspace(scatters[part], against, rank)


def degrees(basis: NDArray[np.float64], *axes: int) -> float:
    return float(np.rad2deg(subspace_angles(basis, AXES[:, axes]).max()))


@pytest.mark.parametrize("part", PARTS)
def test_where_a_shared_direction_leads_every_part_it_finds_the_parts_own(part: str) -> None:
    scatters = planted()
    assert degrees(fit_subspace(scatters[part], 1).basis, SHARED) < 2
    assert degrees(fitted(scatters, part).basis, OWN[part]) < 10


def test_a_direction_in_which_faces_differ_is_left_out_as_far_as_it_weighs() -> None:
    scatters = planted()
    scatters["eyes"].update(drawn(9, **{f"a{FACES}": 6.0}))
    blind = Weights(identity=0.0, noise=0.1, ridge=1e-3)
    assert degrees(fitted(scatters, "eyes", weights=blind).basis, FACES) < 10
    assert degrees(fitted(scatters, "eyes").basis, OWN["eyes"]) < 10


def test_a_direction_of_harmless_changes_is_left_out_as_far_as_it_weighs() -> None:
    scatters = planted()
    scatters["nose"].update(drawn(9, **{f"a{QUALITY}": 3.0}))
    blind = Weights(identity=1.0, noise=0.0, ridge=1e-3)
    strict = Weights(identity=1.0, noise=1.0, ridge=1e-3)
    assert degrees(fitted(scatters, "nose", weights=blind).basis, QUALITY) < 10
    assert degrees(fitted(scatters, "nose", weights=strict).basis, OWN["nose"]) < 10


def test_it_agrees_with_the_eigenvectors_of_inverse_n_times_s() -> None:
    """All of it written out anew, without generalised solvers."""
    scatters, rank = planted(a8=0.5, a9=2.0), 5
    identity, noise = along(FACES, 6) * 40, along(QUALITY, 9) * 3e-4
    found = fitted(scatters, "mouth", rank, identity, noise)

    def unit(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(matrix / np.trace(matrix))

    eyes, nose, mouth = (unit(scatters[part].within) for part in PARTS)
    against = eyes + nose + unit(identity) + 0.1 * unit(noise) + 1e-3 / D * np.eye(D)
    values, vectors = np.linalg.eig(np.linalg.inv(against) @ mouth)
    order = np.argsort(values.real)[::-1]
    np.testing.assert_allclose(found.eigenvalues, values.real[order], rtol=1e-6)
    assert subspace_angles(found.basis, vectors.real[:, order[:rank]]).max() < 1e-6


def test_directions_solve_the_eigenproblem() -> None:
    rng = np.random.default_rng(3)
    one, other = (rng.normal(size=(2 * D, D)) for _ in range(2))
    inside, against = one.T @ one, other.T @ other
    kept = inside.copy(), against.copy()
    values, vectors = directions(inside, against)
    assert (np.diff(values) <= 0).all()
    residual = inside @ vectors - against @ vectors * values
    assert np.abs(residual).max() < 1e-10 * np.linalg.norm(inside)
    np.testing.assert_allclose(vectors.T @ against @ vectors, np.eye(D), atol=1e-10)
    assert np.array_equal(inside, kept[0])
    assert np.array_equal(against, kept[1])


def test_the_basis_is_orthonormal_and_each_rank_holds_the_ranks_below() -> None:
    scatters = planted()
    large = fitted(scatters, "eyes", 6).basis
    np.testing.assert_allclose(large.T @ large, np.eye(6), atol=1e-12)
    assert (large[np.abs(large).argmax(axis=0), np.arange(6)] > 0).all()
    for rank in (1, 3):
        np.testing.assert_allclose(fitted(scatters, "eyes", rank).basis, large[:, :rank], atol=1e-9)


def test_how_far_a_part_moves_an_embedding_on_the_whole_does_not_count() -> None:
    scatters = planted()
    wanted = fitted(scatters, "nose", 3).basis
    louder = Scatter(D).update(100 * drawn(0, **{f"a{SHARED}": 5.0, f"a{OWN['eyes']}": 1.0}))
    found = fitted({**scatters, "eyes": louder}, "nose", 3, along(FACES) * 30).basis
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_what_never_varied_stands_against_nothing() -> None:
    scatters = planted()
    blind = Weights(identity=1.0, noise=0.0, ridge=1e-3)
    still = fitted(scatters, "eyes", 3, noise=np.zeros((D, D)))
    np.testing.assert_array_equal(still.basis, fitted(scatters, "eyes", 3, weights=blind).basis)


def test_one_part_alone_stands_against_faces_and_quality() -> None:
    scatters = {"eyes": planted(**{f"a{FACES}": 20.0})["eyes"]}
    assert degrees(fit_subspace(scatters["eyes"], 1).basis, FACES) < 2
    assert degrees(fitted(scatters, "eyes", 2).basis, SHARED, OWN["eyes"]) < 10


@pytest.mark.parametrize("count", [2, 3, 4])
def test_own_shares_are_1_for_a_parts_own_direction_and_1_over_k_for_a_shared_one(
    count: int,
) -> None:
    """A part whose variants are +-e0 and +-e(1 + k) has half of its trace on either."""
    unit = np.eye(D)
    scatters = {
        f"part{k}": Scatter(D).update(
            np.stack([unit[0], -unit[0], unit[1 + k], -unit[1 + k]])[None]
        )
        for k in range(count)
    }
    for part in scatters:
        found = own_shares(scatters, part, ridge=1e-3)
        ridge = 1e-3 / D
        wanted = [0.5 / (0.5 + ridge), 0.5 / (0.5 * count + ridge), *[0.0] * (D - 2)]
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("rank", "message"),
    [
        (0, "rank 0 is not between 1 and 3"),
        (4, "rank 4 is not between 1 and 3, .* 1 images with 4 variants"),
        (3, "rank 3 cannot be used: the variants differ in only 2 directions"),
    ],
)
def test_a_rank_that_the_part_cannot_support_is_refused(rank: int, message: str) -> None:
    flat = Scatter(D).update(np.stack([AXES[0], -AXES[0], AXES[1], -AXES[1]])[None])
    with pytest.raises(ValueError, match=message):
        fitted({"eyes": flat, "nose": planted()["nose"]}, "eyes", rank)
