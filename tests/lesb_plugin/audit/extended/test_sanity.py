"""Randomised layers, shuffled labels and rival methods, on networks that hold no surprises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import spearmanr
from torch import nn

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.extended.cascade import (
    cascade_rows,
    map_correlation,
    randomised,
    resettable,
)
from lesb_plugin.audit.extended.labels import _of_roi, labels_row
from lesb_plugin.audit.extended.methods import method_rows, rivals
from lesb_plugin.audit.rows.standing import called_out
from registry import Crop, CropPolicy, Embedder, Explanation, Features, Scores, Training
from tests.shared.green import NAMES, SIZE, GreenDetector, green_map, painted_faces, study_of


class GreenBackbone(nn.Module):
    """One convolution that takes green minus red, by cells of 8 pixels; pooled by their mean."""

    weights, weights_sha256, name, dim, mean_pooled = "none", "c" * 64, "green", 2, True
    trained_on: tuple[Training, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.crop = CropPolicy(size=SIZE)
        self.conv = nn.Conv2d(3, 2, 8, 8)
        self.classifier = nn.Linear(2, 1)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 1], self.conv.weight[0, 0] = 1 / 64, -1 / 64
            self.conv.bias.copy_(torch.tensor([-40 / 255, 0.1]))  # type: ignore[union-attr]
            self.classifier.weight.copy_(torch.tensor([[300.0, 0.0]]))
            self.classifier.bias.fill_(-2.0)
        self.eval().requires_grad_(requires_grad=False)

    def features(self, images: torch.Tensor) -> Features:
        return Features(self.conv(images).relu())

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean((2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.classifier(embedding)[:, 0]
        return logit

    def head_direction(self) -> NDArray[np.float64]:
        return self.classifier.weight[0].double().numpy()


class GreenNetwork:
    """A differentiable detector of that backbone, with part scores by the green in them."""

    def __init__(self) -> None:
        self.embedder = Embedder(GreenBackbone())

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        return {"face": self.embedder.backbone.head(embedding)}  # type: ignore[dict-item]

    def score(self, crops: Sequence[Crop]) -> Scores:
        logits = self.embedder.logits(self.embedder(np.stack([crop.image for crop in crops])))
        return Scores(fake=expit(logits), regions=GreenDetector().score(crops).regions)


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces(6)


# --- randomised layers ---------------------------------------------------------------------------


def test_layers_are_walked_from_the_top_and_come_back_as_they_were() -> None:
    network = GreenBackbone()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layers = resettable(network)
    assert layers == [network.classifier, network.conv]
    state = torch.get_rng_state()
    with randomised(network, layers[:1], 0):
        assert not torch.equal(network.classifier.weight, before["classifier.weight"])
        assert torch.equal(network.conv.weight, before["conv.weight"])
    with randomised(network, layers, 0):
        assert not torch.equal(network.conv.weight, before["conv.weight"])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_maps_are_compared_by_scipys_spearman() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 4, 7, 7)).astype(np.float32)
    wanted = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(map_correlation(one, other), wanted)
    assert map_correlation(one, one) == pytest.approx(1)
    assert (map_correlation(one, np.zeros_like(one)) == 0).all()
    assert np.isnan(map_correlation(np.zeros_like(one), one)).all()


def _edges(crops: Sequence[Crop]) -> list[Explanation]:
    greys = [cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY) for crop in crops]
    small = [cv2.resize(cv2.Canny(grey, 50, 90), (12, 12)) for grey in greys]
    return [Explanation(maps={"face": each.astype(np.float32)}) for each in small]


@pytest.mark.slow
def test_a_map_that_ignores_the_network_is_found_out(faces: list[AuditFace]) -> None:
    network = GreenNetwork()
    rows = cascade_rows(study_of(faces, network, _edges, network.embedder))
    assert [row.key for row in rows] == [f"cascade.{depth}" for depth in (25, 50, 75, 100)]
    for row in rows:
        assert row.figure.value == pytest.approx(1)
        assert row.met is False
        assert called_out(row).endswith("no better than edges of the image (1.000).")


@pytest.mark.slow
def test_a_map_of_the_network_changes_with_it(faces: list[AuditFace]) -> None:
    network = GreenNetwork()

    def activation(crops: Sequence[Crop]) -> list[Explanation]:
        images = network.embedder.pixels(np.stack([crop.image for crop in crops]))
        maps = network.embedder.backbone.features(images).map[:, 0].numpy()
        return [Explanation(maps={"face": heat}) for heat in maps]

    rows = cascade_rows(study_of(faces, network, activation, network.embedder))
    head, everything = rows[0], rows[-1]
    assert head.figure.value == pytest.approx(1)  # the head is not in this map
    assert everything.figure.value < 0.9  # type: ignore[operator]


@pytest.mark.slow
def test_part_scores_are_compared_over_faces(faces: list[AuditFace]) -> None:
    network = GreenNetwork()  # its part scores do not come from the network
    (*_, row) = cascade_rows(study_of(faces, network, None, network.embedder))
    assert row.figure.value == pytest.approx(1)
    assert row.n == 12 + 6


def test_a_detector_without_layers_says_so(faces: list[AuditFace]) -> None:
    (row,) = cascade_rows(study_of(faces, GreenDetector()))
    assert "no backbone whose layers" in row.figure.reason


# --- shuffled labels -----------------------------------------------------------------------------


class PlantedParts:
    """A LocalDetector that keeps of each part how green it is, and nothing of the other parts."""

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        parts = GreenDetector().score(crops).regions
        return np.stack([parts[name] for name in NAMES], axis=1).astype(np.float32)

    def project(self, embeddings: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return {name: embeddings[:, [k]] for k, name in enumerate(NAMES)}

    def score(self, crops: Sequence[Crop]) -> Scores:
        return GreenDetector().score(crops)


@pytest.mark.slow
def test_heads_of_true_labels_name_parts_and_those_of_shuffled_ones_as_often_as_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lesb_plugin.audit.extended.labels.SHUFFLES", 4)
    (row,) = labels_row(study_of(painted_faces(8), PlantedParts()))
    assert row.n == 8
    assert row.controls["true labels"].value == 1.0
    assert 0 <= row.figure.value < 0.9  # type: ignore[operator]
    assert called_out(row) == ""  # true labels are no control that knows nothing


@pytest.mark.slow
def test_part_contrastive_heads_are_refitted_on_the_features_of_parts() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile(np.eye(3, dtype=bool), (20, 1))
    features = truth[:, :, None] + 0.1 * rng.normal(size=(60, 3, 4))
    encoded = np.concatenate([rng.normal(size=(60, 5)), features.reshape(60, 12)], axis=1).astype(
        np.float32
    )
    detector: Any = SimpleNamespace(embedder=SimpleNamespace(backbone=SimpleNamespace(dim=5)))
    refit = _of_roi(detector, encoded, truth)
    rows = np.arange(60)
    logits = refit.fit(rows, rows, 0)(refit.inputs)
    assert (logits.argmax(axis=0) == truth.argmax(axis=1)).all()
    wrong = refit.fit(rows, np.roll(rows, 1), 0)(refit.inputs)
    assert (wrong.argmax(axis=0) != truth.argmax(axis=1)).all()  # it was never labelled as changed


@pytest.mark.parametrize(
    ("explain", "told"), [(None, "no part heads"), (green_map, "an explainer was audited")]
)
def test_why_labels_cannot_be_shuffled_is_told(
    faces: list[AuditFace], explain: Any, told: str
) -> None:
    (row,) = labels_row(study_of(faces, GreenDetector(), explain))
    assert told in row.figure.reason


# --- rivals --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_method_of_the_detector_stands_beside_the_explanation(
    faces: list[AuditFace],
) -> None:
    network = GreenNetwork()
    rows = {row.key: row for row in method_rows(study_of(faces, network, None, network.embedder))}
    cams = {"gradcam", "gradcam++", "hirescam", "elementwise", "layercam", "xgradcam", "eigencam"}
    assert {key for key in rows if key.count(".") == 1} == {
        f"methods.{name}" for name in (*cams, "occlusion", "shapley")
    }
    gradcam = rows["methods.gradcam"]
    assert gradcam.figure.value == 1.0
    assert gradcam.n == 6
    assert gradcam.controls["explanation"].value == 1.0
    assert gradcam.controls["constant part"].value == pytest.approx(1 / 3)
    assert "explanation" not in called_out(gradcam)
    rank = rows["methods.gradcam.rank"]
    assert rank.controls["random"].value < rank.figure.value  # type: ignore[operator]
    assert rank.controls["oracle"].value == 1.0
    assert "gradcam (1.000)" in rivals(list(rows.values()))


@pytest.mark.slow
def test_a_detector_without_gradients_has_the_methods_that_need_none(
    faces: list[AuditFace],
) -> None:
    rows = {row.key: row for row in method_rows(study_of(faces, GreenDetector(blind=True)))}
    assert set(rows) == {"methods.occlusion", "methods.shapley", "methods.cam"}
    assert "cannot differentiate" in rows["methods.cam"].figure.reason
    assert rivals([rows["methods.cam"]]) == ""
    assert rivals(list(rows.values())).startswith("The explanation (0.333")
