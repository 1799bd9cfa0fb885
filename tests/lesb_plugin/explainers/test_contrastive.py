from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from lesb_plugin.explainers.contrastive import RealFaces, build_contrastive
from lesb_plugin.explainers.options import ExplainOptions
from registry import ConfigError, DataError, real_crops
from tests.shared.tiny import CROPS, SIZE, MeanColour, TinyBackbone, TinyDetector, write_reals

RNG = np.random.default_rng(7)
REALS = RNG.normal(size=(40, 6)) * [1, 2, 3, 4, 5, 6]


def test_the_nearest_real_faces_are_scikit_learns() -> None:
    deviation = REALS.std(axis=0, ddof=1)
    search = NearestNeighbors(n_neighbors=3).fit(REALS / deviation)
    for face in RNG.normal(size=(5, 6)) * 3:
        far, wanted = search.kneighbors([face / deviation])
        found = RealFaces.of(REALS).contrast(face)
        assert found.nearest == tuple(wanted[0])
        own = NearestNeighbors(n_neighbors=2).fit(REALS / deviation).kneighbors()[0][:, 0]
        excess = (far[0, 0] - own.mean()) / own.std(ddof=1)
        assert found.excess == pytest.approx(excess)


def test_a_face_moved_along_one_direction_is_told_by_how_much_and_which_way() -> None:
    deviation = REALS.std(axis=0, ddof=1)
    for sign in (-1, 1):
        face = REALS[4] + sign * 5 * deviation * np.eye(6)[2] * 0.1
        found = RealFaces.of(REALS).contrast(face)
        assert (found.nearest[0], found.direction) == (4, 2)
        assert found.along == pytest.approx(sign * 0.5)


def test_a_direction_in_which_no_real_face_differs_counts_for_nothing() -> None:
    flat = np.column_stack([REALS, np.full(len(REALS), 3.0)])
    found = RealFaces.of(flat).contrast(np.append(REALS[0], 99.0))
    assert found.nearest[0] == 0
    assert np.isfinite(found.excess)


def test_the_explainer_shows_the_real_faces_and_knows_a_stranger(tmp_path: Path) -> None:
    options = ExplainOptions(reference=write_reals(tmp_path))
    detector = TinyDetector(TinyBackbone())
    faces = real_crops(options.reference, detector.embedder.backbone.crop, 64)
    known, stranger = build_contrastive(detector, options)([faces[1], CROPS[0]])
    assert known.regions["face"] < 0 < stranger.regions["face"]
    assert known.references["face"][0].video == faces[1].video
    assert len(stranger.references["face"]) == 3
    assert "direction" in stranger.note


def test_an_explainer_of_few_or_of_no_embeddings_is_an_error(tmp_path: Path) -> None:
    options = ExplainOptions(reference=write_reals(tmp_path, count=2))
    with pytest.raises(DataError, match=r"2 real faces of .* at least 3 are needed"):
        build_contrastive(TinyDetector(TinyBackbone()), options)
    with pytest.raises(ConfigError, match="MeanColour has none; occlusion"):
        build_contrastive(MeanColour(np.ones((SIZE, SIZE), np.float32)), options)


def test_a_face_says_the_same_in_every_batch(tmp_path: Path) -> None:
    explain = build_contrastive(
        TinyDetector(TinyBackbone()), ExplainOptions(reference=write_reals(tmp_path))
    )
    (alone,) = explain([replace(CROPS[1])])
    assert alone.regions == pytest.approx(dict(explain(CROPS)[1].regions), rel=1e-4)
    assert explain([]) == []
