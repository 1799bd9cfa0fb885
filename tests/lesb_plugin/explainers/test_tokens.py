"""Transformers: maps on the grid of patch tokens, from networks of timm's with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch

from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.rollout import build_rollout, gradient_rollout
from lesb_plugin.explainers.tokens import describe_outliers, outliers
from registry import ConfigError, CropPolicy
from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.checks import example_crops
from registry.plugins.discovery import load_plugins
from tests.shared.tiny import TinyBackbone, TinyDetector

SMALL = 64  # pixels; 16 patches
CROPS = example_crops(SMALL, 2)


def small_vit(registers: int = 4, pool: str = "token") -> TinyDetector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = timm.create_model(
            "vit_tiny_patch16_224",
            img_size=SMALL,
            depth=3,
            embed_dim=24,
            num_heads=2,
            num_classes=0,
            reg_tokens=registers,
            global_pool=pool,
        )
    made = WeightsOrigin(weights="random", weights_sha256="c" * 64)
    policy = CropPolicy(size=SMALL)
    net = TimmBackbone("vit", model, crop=policy, mean=(0.5,) * 3, std=(0.5,) * 3, provenance=made)
    return TinyDetector(net)


def forward(detector: TinyDetector, crops: Any) -> dict[str, torch.Tensor]:
    backbone = detector.embedder.backbone
    pixels = detector.embedder.pixels(np.stack([crop.image for crop in crops]))
    return dict(detector.logits(backbone.embed(backbone.features(pixels.requires_grad_()))))


def hirescam_by_hand(detector: TinyDetector, crops: Any, prefix: int) -> np.ndarray:
    kept = []
    model: Any = detector.embedder.backbone.model  # type: ignore[attr-defined]
    hook = model.blocks[-1].norm1.register_forward_hook(lambda *call: kept.append(call[-1]))
    logit = forward(detector, crops)["face"]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit.sum(), kept[0])
    product = (kept[0] * gradient).sum(2)[:, prefix:]  # (B, h w)
    side = int(product.shape[1] ** 0.5)
    return product.reshape(-1, side, side).detach().numpy()


@pytest.mark.parametrize(("registers", "pool"), [(0, "token"), (4, "token"), (0, "avg")])
def test_hirescam_lies_on_the_grid_without_the_prefix_tokens(registers: int, pool: str) -> None:
    detector = small_vit(registers, pool)
    found = build_cam(detector, ExplainOptions(keep_outlier_tokens=True))(CROPS)
    wanted = hirescam_by_hand(detector, CROPS, 1 + registers)
    assert (
        np.abs(np.stack([one.maps["face"] for one in found]) - wanted).max()
        <= 1e-4 * np.abs(wanted).max()
    )


@pytest.mark.slow
def test_vit_tiny_of_timm_has_maps_of_14_by_14_by_both_explainers() -> None:
    name = "timm/vit_tiny_patch16_224"
    backbone = load_plugins().get("backbone", name).build(name, "random", 0)
    detector, crops = TinyDetector(backbone), example_crops(224, 1)
    options = ExplainOptions(keep_outlier_tokens=True)
    wanted = hirescam_by_hand(detector, crops, 1)[0]
    found = build_cam(detector, options)(crops)[0].maps["face"]
    assert found.shape == (14, 14)
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    rolled = build_rollout(detector, options)(crops)[0].maps
    assert rolled["face"].shape == rolled["mouth"].shape == (14, 14)
    assert (rolled["face"] != rolled["mouth"]).any()


# --- rollout -------------------------------------------------------------------------------------


def rollout_by_hand(detector: TinyDetector, prefix: int) -> np.ndarray:
    """Chefer et al.'s equations 5 and 6 in numpy, attention made of the block's own q and k."""
    model: Any = detector.embedder.backbone.model  # type: ignore[attr-defined]
    kept: list[torch.Tensor] = []
    hooks = []
    for block in model.blocks:
        block.attn.fused_attn = False
        hooks.append(block.attn.attn_drop.register_forward_hook(lambda *c: kept.append(c[-1])))
    logit = forward(detector, CROPS)["face"]
    relevance = np.eye(kept[0].shape[-1])[None].repeat(len(CROPS), 0)
    for weights, slope in zip(kept, torch.autograd.grad(logit.sum(), kept), strict=True):
        positive = np.maximum((weights * slope).detach().numpy(), 0).mean(1)
        relevance = relevance + np.einsum("bij,bjk->bik", positive, relevance)
    for hook, block in zip(hooks, model.blocks, strict=True):
        hook.remove()
        block.attn.fused_attn = True
    return relevance[:, 0, prefix:].reshape(-1, 4, 4)  # type: ignore[no-any-return]


@pytest.mark.parametrize("registers", [0, 4])
def test_rollout_is_chefers(registers: int) -> None:
    detector = small_vit(registers)
    found = build_rollout(detector, ExplainOptions(keep_outlier_tokens=True))(CROPS)
    wanted = rollout_by_hand(detector, 1 + registers)
    assert np.stack([one.maps["face"] for one in found]) == pytest.approx(wanted, rel=1e-3)


def test_rollout_of_attention_with_no_positive_gradient_is_the_identity() -> None:
    attention = [torch.rand(1, 2, 3, 3) for _ in range(2)]
    assert torch.equal(gradient_rollout(attention, [-a for a in attention])[0], torch.eye(3))


def test_rollout_leaves_the_network_as_it_was() -> None:
    detector = small_vit()
    model: Any = detector.embedder.backbone.model  # type: ignore[attr-defined]
    before = [block.attn.fused_attn for block in model.blocks]
    scores = detector.score(CROPS).fake
    build_rollout(detector)(CROPS)
    assert [block.attn.fused_attn for block in model.blocks] == before
    assert not any(block.attn.attn_drop._forward_hooks for block in model.blocks)
    assert detector.score(CROPS).fake == pytest.approx(scores)


def test_rollout_of_a_network_without_attention_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'tiny' has no blocks with attention; use cam"):
        build_rollout(TinyDetector(TinyBackbone()))


# --- outlier tokens ------------------------------------------------------------------------------


def test_planted_outliers_are_found_and_nothing_else() -> None:
    tokens = torch.randn(2, 24, 6, 6, generator=torch.Generator().manual_seed(0))
    tokens = tokens / tokens.norm(dim=1, keepdim=True) * (1 + 0.05 * torch.rand(2, 1, 6, 6))
    assert not outliers(tokens).any()
    planted = torch.zeros(2, 6, 6, dtype=torch.bool)
    planted[0, 0, 5] = planted[1, 3, 2] = planted[1, 3, 3] = True
    assert torch.equal(outliers(torch.where(planted[:, None], tokens * 9, tokens)), planted)


def test_outliers_are_told_of_with_how_many_lie_outside_the_face() -> None:
    outlying = torch.zeros(4, 4, dtype=torch.bool)
    assert describe_outliers(outlying, CROPS[0], included=False) == ""
    outlying[0, 0] = outlying[2, 2] = True
    text = describe_outliers(outlying, CROPS[0], included=False)
    assert text.startswith("2 of 16 tokens have outlying norms (12.5%), 1 of them outside the face")
    assert text.endswith("left out of the maps (0 there)")
    assert describe_outliers(outlying, CROPS[0], included=True).endswith("they are kept")


def test_outliers_are_zero_in_the_maps_unless_they_are_kept() -> None:
    detector = small_vit()
    model: Any = detector.embedder.backbone.model  # type: ignore[attr-defined]

    def store(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        grown = output.clone()
        grown[:, 7] *= 100  # prefix 5: the patch of row 0, column 2
        return grown

    model.blocks[-1].register_forward_hook(store)
    kept = ExplainOptions(keep_outlier_tokens=True)
    for build in (build_cam, build_rollout):
        (without,), (whole,) = build(detector)(CROPS[:1]), build(detector, kept)(CROPS[:1])
        assert without.maps["face"][0, 2] == 0 != whole.maps["face"][0, 2]
        assert without.maps["face"][3, 3] == whole.maps["face"][3, 3] != 0
        assert "1 of 16 tokens" in without.note
