from __future__ import annotations

import numpy as np
import pytest
import torch

from lesb_plugin.explainers.cam import METHODS
from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.explainers.options import ExplainOptions
from registry import ConfigError, Detector, DifferentiableDetector, Explanation
from tests.shared.tiny import CROPS, SIZE, MeanColour, TinyBackbone, TinyDetector

IMAGES = np.stack([crop.image for crop in CROPS])


def options(method: str = "gradcam", layer: str | None = None) -> ExplainOptions:
    return ExplainOptions(method=method, layer=layer)  # type: ignore[arg-type]


def by_target(found: list[Explanation], target: str) -> np.ndarray:
    return np.stack([each.maps[target] for each in found])


def assert_close(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def captum_gradcam(detector: TinyDetector, layer: str, target: str) -> np.ndarray:
    from captum.attr import LayerGradCam

    backbone = detector.embedder.backbone
    assert isinstance(backbone, TinyBackbone)

    def forward(images: torch.Tensor) -> torch.Tensor:
        return detector.logits(backbone.embed(backbone.features(images)))[target]

    pixels = detector.embedder.pixels(IMAGES).requires_grad_()
    cam = LayerGradCam(forward, backbone.get_submodule(layer))
    return cam.attribute(pixels)[:, 0].detach().numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("target", ["face", "mouth"])
@pytest.mark.parametrize(("layer", "own"), [("stem", "stem"), ("last", "last"), ("last", None)])
def test_every_heads_gradcam_is_captums_at_any_layer(
    layer: str, own: str | None, target: str
) -> None:
    detector = TinyDetector(TinyBackbone())
    found = build_cam(detector, options(layer=own))(CROPS)
    assert_close(by_target(found, target), captum_gradcam(detector, layer, target))


@pytest.mark.parametrize("method", METHODS)
def test_the_closed_form_is_what_autograd_finds_at_the_last_map(method: str) -> None:
    detector = TinyDetector(TinyBackbone())
    free = build_cam(detector, options(method))(CROPS)
    hooked = build_cam(detector, options(method, "last"))(CROPS)
    for target in ("face", "mouth"):
        assert_close(by_target(free, target), by_target(hooked, target))


def test_the_closed_form_runs_the_backbone_once_for_all_heads() -> None:
    backbone = TinyBackbone()
    calls: list[int] = []
    backbone.stem.register_forward_hook(lambda *call: calls.append(len(call[-1])))
    build_cam(TinyDetector(backbone))(CROPS)
    assert calls == [len(CROPS)]


def test_a_backbone_that_is_not_mean_pooled_is_mapped_at_its_feature_map() -> None:
    detector = TinyDetector(TinyBackbone(mean_pooled=False))
    found = build_cam(detector, options())(CROPS)
    assert_close(by_target(found, "face"), captum_gradcam(detector, "last", "face"))


def test_gradcam_plus_plus_is_the_default_of_a_feature_map() -> None:
    detector = TinyDetector(TinyBackbone())
    found, named = build_cam(detector)(CROPS), build_cam(detector, options("gradcam++"))(CROPS)
    assert by_target(found, "face").tolist() == by_target(named, "face").tolist()


def test_maps_are_neither_cut_off_nor_normalised() -> None:
    one, against = (TinyDetector(TinyBackbone(), scale) for scale in (1.0, -10.0))
    first, second = (by_target(build_cam(d, options())(CROPS), "face") for d in (one, against))
    assert_close(second, -10 * first)


def test_the_sum_of_the_last_map_of_a_linear_head_is_its_logit_without_the_bias() -> None:
    detector = TinyDetector(TinyBackbone())
    sums = by_target(build_cam(detector, options())(CROPS), "face").sum((1, 2))
    logits = detector.logits(torch.from_numpy(detector.embed(CROPS)))["face"] - 0.3
    assert sums == pytest.approx(logits.numpy(), rel=1e-4)


def test_a_hook_is_gone_after_the_map() -> None:
    backbone = TinyBackbone()
    build_cam(TinyDetector(backbone), options(layer="stem"))(CROPS)
    assert not backbone.stem._forward_hooks


def test_a_detector_without_logits_is_told_which_explainers_it_has() -> None:
    detector: Detector = MeanColour(np.ones((SIZE, SIZE), np.float32))
    assert not isinstance(detector, DifferentiableDetector)
    with pytest.raises(ConfigError, match="offers none to follow; occlusion, occlusion_grid and"):
        build_cam(detector)


def test_a_layer_that_is_not_there_is_told_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match=r"no layer 'stam'; layers with similar names: .*stem"):
        build_cam(TinyDetector(TinyBackbone()), options(layer="stam"))


def test_a_layer_that_is_never_called_is_an_error() -> None:
    explain = build_cam(TinyDetector(TinyBackbone()), options(layer="unused"))
    with pytest.raises(ConfigError, match="not used when a face is embedded"):
        explain(CROPS)


def test_a_logit_that_does_not_follow_the_embedding_is_an_error() -> None:
    detector = TinyDetector(TinyBackbone())
    detector.logits = lambda embedding: {"face": torch.zeros(len(embedding))}  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="'face' does not depend on the embedding"):
        build_cam(detector)(CROPS)


def test_no_crops_are_no_explanations() -> None:
    assert build_cam(TinyDetector(TinyBackbone()))([]) == []
