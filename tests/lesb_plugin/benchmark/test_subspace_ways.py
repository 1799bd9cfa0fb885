from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.benchmark.subspace_ways import SubspaceTrial


def test_both_ways_find_the_subspace_that_an_svd_finds() -> None:
    trial = SubspaceTrial(dim=24, images=32, variants=8, rank=4, block=4)
    embeddings = trial.embeddings()
    before = embeddings.copy()
    one, other = trial.by_scatter(embeddings), trial.by_incremental_pca(embeddings)
    rows = (embeddings - embeddings.mean(axis=1, keepdims=True)).reshape(-1, 24)
    expected = np.linalg.svd(rows.astype(np.float64), full_matrices=False)[2][:4].T
    assert one.shape == other.shape == (24, 4)
    most = np.linalg.norm(rows @ expected)
    found = [float(np.linalg.norm(rows @ each) / most) for each in (one, other)]
    assert found[0] == pytest.approx(1, abs=1e-6)  # what rank 4 can hold of the variation
    assert 0.9 < found[1] <= 1 + 1e-9  # it keeps only that many directions between blocks
    assert np.array_equal(embeddings, before)
