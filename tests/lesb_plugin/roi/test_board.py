"""What TensorBoard shows of a fit of `lesb_roi`, against what can be computed without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.roi.encoding import Encoded
from lesb_plugin.roi.fit import encode_fakes, fit_roi
from registry import FitContext
from tests.shared.event_files import curve, image, points
from tests.shared.textured import detector, fit_context

PARTS = ("eyes", "nose", "mouth")


def context_of(folder: Path) -> FitContext:
    return fit_context(folder, tensorboard=True, options={"pseudo_fakes": 4, "epochs": 6})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    fit_roi(context_of(folder))
    return folder


@pytest.fixture(scope="module")
def val(run: Path) -> Encoded:
    context = context_of(run)
    regions = region_preset(str(run / "regions.yaml"))
    return encode_fakes(context, context.options, regions, "val")


@pytest.mark.slow
def test_scalars_are_what_the_detector_reaches_on_val(run: Path, val: Encoded) -> None:
    pairs = ~val.clean
    scores = detector(run / "artefact.safetensors").score_embeddings(val.rows[pairs])
    expected = roc_auc_score(val.fake[pairs], scores.fake)
    assert curve(run, "val/auc")[1] == pytest.approx([expected])
    steps, losses = curve(run, "heads/val_loss")
    assert steps == list(range(1, len(steps) + 1))
    assert losses.min() < losses[0]


def test_the_projector_holds_the_features_of_every_part(run: Path, val: Encoded) -> None:
    vectors, labels = points(run, "parts")
    features = val.rows[:, 3:].reshape(len(val.rows), 3, 3)  # d = C = 3
    assert_allclose(vectors, np.concatenate([features[:, k] for k in range(3)]), atol=1e-4)
    assert [each["part"] for each in labels] == [part for part in PARTS for _ in val.rows]
    methods = [each["method"] for each in labels[: len(val.rows)]]
    assert methods == [str(each) or "real" for each in val.families]
    assert set(methods) == {"real", "inpaint"}


def test_overlays_fill_the_parts_and_leave_the_rest_of_the_face(run: Path, val: Encoded) -> None:
    size = len(val.examples[0].images[0])
    filled = image(run, "overlays").reshape(-1, size, 2, size, 3).transpose(0, 2, 1, 3, 4)
    for row, each in zip(filled, val.examples, strict=True):
        for cell, photo, points_ in zip(row, each.images[1:], each.landmarks[1:], strict=True):
            untouched = (cell == photo).all(axis=2)
            x, y = points_[27:36].mean(axis=0).round().astype(int)  # the nose
            assert not untouched[y, x]
            assert untouched[:4].all()
            assert 0.4 < untouched.mean() < 1


def test_masks_and_pairs_are_of_the_same_faces(run: Path, val: Encoded) -> None:
    size = len(val.examples[0].images[0])
    masks, pairs = image(run, "masks"), image(run, "pairs")
    for at, each in enumerate(val.examples):
        rows = slice(at * size, (at + 1) * size)
        assert_array_equal(masks[rows, :size], each.images[0])
        assert_array_equal(pairs[rows, :size], each.images[1])
        assert_array_equal(pairs[rows, size : 2 * size], each.images[2])
