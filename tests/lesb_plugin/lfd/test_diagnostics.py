from __future__ import annotations

import json

import numpy as np
import pytest

from lesb_plugin.lfd.diagnostics import (
    alignment,
    captured,
    diagnose,
    overlap,
    principal_angles,
    random_subspace,
    tables,
)
from lesb_plugin.lfd.subspace import Scatter, fit_subspace

EYE = np.eye(6)


def scatter_of(scales: list[float]) -> Scatter:
    """Variance along the axes as given."""
    rows = np.random.default_rng(0).normal(size=(4000, 2, 6)) * np.sqrt(scales)
    return Scatter(6).update(rows)


def diagnosed(direction: np.ndarray | None = None) -> dict:
    scatters = {"eyes": scatter_of([4, 2, 1, 1, 0, 0]), "mouth": scatter_of([0, 0, 1, 1, 2, 4])}
    bases = {part: fit_subspace(scatter, 2).basis for part, scatter in scatters.items()}
    return diagnose(scatters, bases, direction, seed=0)


def test_principal_angles_are_those_of_rotated_planes():
    turned = np.stack([EYE[0], np.cos(0.3) * EYE[1] + np.sin(0.3) * EYE[2]], axis=1)
    np.testing.assert_allclose(
        principal_angles(EYE[:, :2], turned), [0, np.rad2deg(0.3)], atol=1e-6
    )


def test_overlap_is_one_for_equal_and_zero_for_orthogonal_subspaces():
    assert overlap(EYE[:, :2], EYE[:, [1, 0]]) == pytest.approx(1)
    assert overlap(EYE[:, :2], EYE[:, 2:4]) == 0
    assert overlap(EYE[:, :2], EYE[:, 1:3]) == pytest.approx(0.5)


def test_captured_is_the_share_of_variance_in_the_subspace():
    assert captured(np.diag([4.0, 3, 2, 1, 0, 0]), EYE[:, :2]) == pytest.approx(0.7)


def test_random_subspaces_overlap_by_rank_over_dimension():
    rng = np.random.default_rng(0)
    bases = [random_subspace(200, 20, rng) for _ in range(12)]
    np.testing.assert_allclose(bases[0].T @ bases[0], np.eye(20), atol=1e-12)
    pairs = [overlap(bases[i], bases[i + 1]) for i in range(11)]
    assert np.mean(pairs) == pytest.approx(0.1, abs=0.01)


def test_alignment_is_one_inside_zero_outside_and_blind_to_length():
    bases = {"eyes": EYE[:, :2], "mouth": EYE[:, 2:4]}
    found = alignment(bases, 7 * (EYE[0] + EYE[1]), seed=0)
    assert found["parts"] == pytest.approx({"eyes": 1.0, "mouth": 0.0})
    many = alignment({"a": np.eye(900)[:, :100]}, np.ones(900), seed=1)
    assert many["random"]["mean"] == pytest.approx(1 / 3, abs=0.05)
    assert 0 < many["random"]["spread"] < 0.1


def test_leakage_reads_by_row_the_part_and_by_column_the_subspace():
    leakage = diagnosed()["leakage"]
    assert leakage["eyes"]["eyes"] == pytest.approx(6 / 8, abs=0.02)
    assert leakage["mouth"]["eyes"] == pytest.approx(0, abs=0.02)
    assert leakage["eyes"]["mouth"] == pytest.approx(0, abs=0.02)


def test_explained_variance_climbs_to_what_the_part_keeps_of_itself():
    found = diagnosed()
    assert found["explained"]["eyes"] == pytest.approx([4 / 8, 6 / 8], abs=0.02)
    assert found["explained"]["eyes"][-1] == pytest.approx(
        found["leakage"]["eyes"]["eyes"], abs=1e-6
    )


def test_angles_and_overlap_cover_every_pair_of_parts_once():
    found = diagnosed()
    assert list(found["angles"]) == list(found["overlap"]) == ["eyes/mouth"]
    assert np.allclose(found["angles"]["eyes/mouth"], 90, atol=3)


def test_the_control_has_three_draws_with_mean_and_spread():
    control = diagnosed()["random"]
    assert control["draws"] == 3
    assert set(control["captured"]) == {"eyes", "mouth"}
    assert 0.1 < control["captured"]["eyes"]["mean"] < 0.6  # 2 of 6 dimensions
    assert control["overlap"]["spread"] > 0


def test_a_head_without_a_direction_has_no_alignment():
    assert diagnosed()["alignment"] is None
    assert diagnosed(EYE[0])["alignment"]["parts"]["eyes"] == pytest.approx(1, abs=0.05)


def test_diagnostics_are_plain_json_and_the_same_every_time():
    found = diagnosed(EYE[0])
    assert json.loads(json.dumps(found)) == found
    assert diagnosed(EYE[0]) == found


def test_tables_have_a_cell_for_every_column():
    shown = tables(diagnosed(EYE[0]))
    titles = [title for title, _, _ in shown]
    assert [title.split(":")[0] for title in titles] == ["LFD"] * 4
    for _, header, rows in shown:
        assert rows
        assert all(len(row) == len(header) for row in rows)
        assert all(isinstance(cell, str) for row in rows for cell in row)


def test_one_part_alone_has_no_table_of_angles():
    scatter = scatter_of([4, 2, 1, 1, 0, 0])
    found = diagnose({"eyes": scatter}, {"eyes": fit_subspace(scatter, 2).basis}, None, 0)
    assert len(tables(found)) == 2
