"""What the shipped detectors say is the same with every backend that computes in float32."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from registry import evaluate
from registry.backbones.engines import PACKAGES
from registry.results.predictions import read_predictions

SCORES, AUC = 1e-3, 1e-3  # what may differ from torch in float32


def scored(out: Path, detector: str, backend: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every score of each face of drawn videos (faces, scores), and labels (faces,)."""
    evaluate(
        detector=detector,
        backend=backend,
        dataset=("toy",),
        frames=1,
        draws=0,
        threads=1,
        out=str(out),
        reporters=(),
        quiet=True,
    )
    table = read_predictions(out)[0].to_pydict()
    columns = sorted(name for name in table if name.startswith(("fake", "p_")))
    return np.array([table[name] for name in columns], float).T, np.array(table["label"])


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["lesb", "lesb_roi"])
@pytest.mark.parametrize("backend", PACKAGES)
def test_scores_and_auc_are_those_of_torch(detector: str, backend: str, tmp_path: Path) -> None:
    needed = (PACKAGES[backend], "onnx", "onnxscript")
    if not all(importlib.util.find_spec(name) for name in needed):
        pytest.skip(f"backend {backend} is not installed")
    expected, labels = scored(tmp_path / "torch", detector, "torch")
    found, _ = scored(tmp_path / backend, detector, backend)
    assert found.shape == expected.shape
    assert found.shape[1] >= 4  # the face and three parts
    assert np.nanmax(np.abs(found - expected)) <= SCORES
    assert not np.array_equal(found, expected), "the backend was not used"
    for one, other in zip(found.T, expected.T, strict=True):
        assert abs(roc_auc_score(labels, one) - roc_auc_score(labels, other)) <= AUC
