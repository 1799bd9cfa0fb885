from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from registry.backbones.timm_backbone import TimmBackbone
from registry.builtin.backbones import build_named, build_timm
from registry.builtin.detectors import (
    LinearDetector,
    RandomDetector,
    build_linear,
    build_random,
)
from registry.cli import main
from registry.contracts.detector import (
    Detector,
    DetectorContext,
    DifferentiableDetector,
    EmbeddingDetector,
)
from registry.contracts.embedder import Embedder
from registry.contracts.types import Crop
from registry.errors import ConfigError


def crop(size: int, **ids: Any) -> Crop:
    rng = np.random.default_rng(size + ids.get("frame", 0))
    image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Crop(image=image, landmarks=None, box=(0, 0, size, size), **ids)


def context(embedder: Embedder | None = None, seed: int = 0) -> DetectorContext:
    return DetectorContext(embedder=embedder, options=None, seed=seed)


# --- linear ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backbone() -> TimmBackbone:
    return build_timm("timm/test_efficientnet", "random", 0)


def faces(backbone: TimmBackbone, count: int) -> list[Crop]:
    return [crop(backbone.crop.size, frame=frame) for frame in range(count)]


def test_linear_is_the_probability_of_the_second_class(backbone: TimmBackbone) -> None:
    crops = faces(backbone, 3)
    scores = build_linear(context(Embedder(backbone))).score(crops)
    images = torch.from_numpy(np.stack([c.image for c in crops])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        logits = backbone.model((images - backbone.mean) / backbone.std)
    np.testing.assert_allclose(scores.fake, logits.softmax(1)[:, 1].numpy(), atol=1e-6)
    assert scores.fake.dtype == np.float64
    assert not scores.regions
    assert not scores.variants


def test_linear_keeps_the_contract_of_embedding_detectors(backbone: TimmBackbone) -> None:
    embedder = Embedder(backbone)
    detector = build_linear(context(embedder))
    assert isinstance(detector, EmbeddingDetector)
    assert detector.encoder == embedder.encoder
    crops = faces(backbone, 2)
    embeddings = detector.embed(crops)
    assert embeddings.shape == (2, backbone.dim)
    np.testing.assert_array_equal(
        detector.score_embeddings(embeddings).fake, detector.score(crops).fake
    )


def test_linear_scores_no_crops(backbone: TimmBackbone) -> None:
    assert build_linear(context(Embedder(backbone))).score([]).fake.shape == (0,)


def test_linear_makes_up_no_score_for_a_nan_embedding(backbone: TimmBackbone) -> None:
    embeddings: NDArray[np.float32] = np.zeros((2, backbone.dim), np.float32)
    embeddings[1] = np.nan
    fake = build_linear(context(Embedder(backbone))).score_embeddings(embeddings).fake
    assert np.isfinite(fake[0])
    assert np.isnan(fake[1])


def test_linear_saturates_without_a_warning(backbone: TimmBackbone) -> None:
    direction = backbone.head_direction()
    assert direction is not None
    far = (1e6 * direction / np.linalg.norm(direction)).astype(np.float32)
    fake = build_linear(context(Embedder(backbone))).score_embeddings(np.stack([far, -far])).fake
    np.testing.assert_array_equal(fake, [1.0, 0.0])


def test_the_gradient_of_linears_logit_is_the_direction_of_its_head(backbone: TimmBackbone) -> None:
    detector = build_linear(context(Embedder(backbone)))
    assert isinstance(detector, DifferentiableDetector)
    embedding = torch.zeros(2, backbone.dim, requires_grad=True)
    (gradient,) = torch.autograd.grad(detector.logits(embedding)["face"].sum(), embedding)
    for row in gradient:
        np.testing.assert_allclose(row.numpy(), backbone.head_direction(), atol=1e-6)


def test_linear_without_a_head_says_where_to_get_one() -> None:
    headless = build_named("efflite0_in1k", None, 0)
    with pytest.raises(ConfigError) as refused:
        LinearDetector(Embedder(headless))
    told = str(refused.value)
    assert "backbone 'efflite0_in1k' has no fake/real head" in told
    assert "trained on imagenet-1k (recognition)" in told
    assert "`bench fit --detector lesb` train a linear probe" in told


def test_linear_without_a_backbone_asks_for_one() -> None:
    with pytest.raises(ConfigError, match="pass --backbone NAME"):
        build_linear(context())


# --- random ------------------------------------------------------------------------------------


def noise(detector: RandomDetector, crops: list[Crop]) -> list[float]:
    return detector.score(crops).fake.tolist()


def test_random_keeps_the_contract_of_detectors() -> None:
    detector = build_random(context())
    assert isinstance(detector, Detector)
    assert not isinstance(detector, EmbeddingDetector)
    assert detector.score([]).fake.shape == (0,)


def test_random_gives_one_crop_one_score_whatever_its_batch() -> None:
    crops = [crop(8, dataset="d", video="v", frame=frame) for frame in range(6)]
    together = noise(build_random(context(seed=3)), crops)
    alone = [noise(build_random(context(seed=3)), [each])[0] for each in crops]
    assert together == alone
    assert noise(build_random(context(seed=3)), crops[::-1]) == together[::-1]


@pytest.mark.parametrize(
    "ids", [{"dataset": "e"}, {"video": "w"}, {"frame": 1}, {"face": 1}, {"video": "v', 'x"}]
)
def test_random_tells_faces_apart_by_every_id(ids: dict[str, Any]) -> None:
    known = {"dataset": "d", "video": "v", "frame": 0, "face": 0}
    detector = build_random(context())
    assert noise(detector, [crop(8, **known)]) != noise(detector, [crop(8, **known | ids)])


def test_random_follows_its_seed() -> None:
    crops = [crop(8, frame=frame) for frame in range(3)]
    assert noise(build_random(context(seed=1)), crops) != noise(
        build_random(context(seed=2)), crops
    )


def test_random_is_uniform() -> None:
    image = np.zeros((1, 1, 3), np.uint8)
    crops = [
        Crop(image=image, landmarks=None, box=(0, 0, 1, 1), video=str(video), frame=frame)
        for video in range(100)
        for frame in range(20)
    ]
    scores = build_random(context()).score(crops).fake
    assert stats.kstest(scores, "uniform").pvalue > 0.01
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_random_gives_files_a_score_and_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file)
    assert main(["predict", str(file), "--detector", "random", "--crop-from", "frame"]) == 0
    told = capsys.readouterr()
    line = told.out.splitlines()[1].split("\t")
    assert line[:2] == [str(file), "NO VERDICT"]
    assert 0 <= float(line[2]) <= 1
    assert "compared with" not in told.err
