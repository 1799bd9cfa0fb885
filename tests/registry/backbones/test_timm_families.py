"""One small member of every family that timm lists: right, or refused with a reason.

Where a position of a map lies is asked of the network itself: what changes in a corner of the image
must change the map most in that corner, whichever way round its axes are stored.
"""

from __future__ import annotations

import os

import pytest
import timm
import torch

from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.backbones.timm_layout import fine_map
from registry.builtin.backbones import build_timm
from registry.checks import check_backbone
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError
from registry.plugins.discovery import load_plugins

SMALL = {
    "beit": "beit_base_patch16_224", "byoanet": "halonet_h1", "byobnet": "test_byobnet",
    "cait": "cait_xxs24_224", "coat": "coat_tiny", "convit": "convit_tiny",
    "convmixer": "convmixer_768_32", "convnext": "test_convnext", "cpubone": "cpubone_nano",
    "crossvit": "crossvit_tiny_240", "csatv2": "csatv2", "cspnet": "cs3darknet_focus_s",
    "cspnext": "cspnext_tiny", "davit": "davit_tiny", "deepseek_vit": "deepseek_vit_412m",
    "deit": "deit_tiny_distilled_patch16_224", "densenet": "densenet121", "dla": "dla46x_c",
    "dpn": "dpn48b", "edgenext": "edgenext_xx_small", "efficientformer": "efficientformer_l1",
    "efficientformer_v2": "efficientformerv2_s0", "efficientnet": "test_efficientnet",
    "efficientvim": "efficientvim_m1", "efficientvit_mit": "efficientvit_b0",
    "efficientvit_msra": "efficientvit_m0", "eva": "eva02_tiny_patch14_224",
    "fasternet": "fasternet_t0", "fastvit": "fastvit_t8", "focalnet": "focalnet_tiny_srf",
    "gcvit": "gcvit_xxtiny", "gemma4_vit": "gemma4_vit_167m", "ghostnet": "ghostnet_050",
    "hardcorenas": "hardcorenas_a", "hgnet": "hgnetv2_b0", "hiera": "hiera_tiny_224",
    "hieradet_sam2": "hieradet_small", "hrnet": "hrnet_w18_small", "iformer": "iformer_t",
    "inception_next": "inception_next_atto", "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3", "inception_v4": "inception_v4", "lcnetv2": "lcnetv2_small",
    "levit": "levit_128s", "lowformer": "lowformer_b0", "mambaout": "mambaout_femto",
    "maxxvit": "coatnet_nano_rw_224", "metaformer": "caformer_s18",
    "mlp_mixer": "gmlp_ti16_224", "mobilenetv3": "mobilenetv3_small_050",
    "mobilenetv5": "mobilenetv5_300m", "mobilevit": "mobilevit_xxs", "mvitv2": "mvitv2_tiny",
    "naflexvit": "naflexvit_base_patch16_gap", "nasnet": "nasnetalarge", "nest": "nest_tiny",
    "nextvit": "nextvit_small", "nfnet": "test_nfnet", "pit": "pit_ti_distilled_224",
    "pnasnet": "pnasnet5large", "pvt_v2": "pvt_v2_b0", "qwen3_vit": "qwen3_vit_88m",
    "rdnet": "rdnet_tiny", "regnet": "regnetx_002", "repghost": "repghostnet_050",
    "repvit": "repvit_m0_9", "res2net": "res2net50d", "resnest": "resnest14d",
    "resnet": "test_resnet", "resnetv2": "resnetv2_18", "rexnet": "rexnet_100",
    "selecsls": "selecsls42", "senet": "legacy_seresnet18", "sequencer": "sequencer2d_s",
    "shvit": "shvit_s1", "sknet": "skresnet18", "starnet": "starnet_s050",
    "swiftformer": "swiftformer_xs", "swin_transformer": "swin_tiny_patch4_window7_224",
    "swin_transformer_v2": "swinv2_tiny_window8_256",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224", "tiny_vit": "tiny_vit_5m_224",
    "tnt": "tnt_s_legacy_patch16_224", "tresnet": "tresnet_m", "twins": "twins_svt_small",
    "vgg": "vgg11_bn", "visformer": "visformer_tiny", "vision_transformer": "test_vit",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224",
    "vision_transformer_relpos": "test_vit_relpos",
    "vision_transformer_sam": "samvit_base_patch16_224", "vitamin": "vitamin_small_224",
    "volo": "volo_d1_224", "vovnet": "ese_vovnet19b_slim_dw", "xception": "legacy_xception",
    "xception_aligned": "xception41", "xcit": "xcit_nano_12_p16_224",
}  # fmt: skip


# What is tried in every run; BENCH_TIMM=1 tries all that timm lists, which takes half an hour.
USUAL = (
    "byobnet", "convnext", "efficientnet", "hiera", "metaformer", "mlp_mixer", "mobilenetv3",
    "nfnet", "regnet", "resnet", "swin_transformer", "vision_transformer",
)  # fmt: skip
FAMILIES = tuple(sorted(timm.list_modules())) if os.environ.get("BENCH_TIMM") else USUAL
TOLD_APART = 1.25  # the largest change over the mean


def member(family: str) -> str:
    """The small one that is named above, or the shortest name of a family that is new."""
    listed = timm.list_models(module=family)
    return SMALL[family] if SMALL.get(family) in listed else min(listed, key=len)


def where_it_changes(backbone: TimmBackbone, corner: tuple[slice, slice]) -> list[torch.Tensor]:
    """By map, fine or not: how much each position changes with a corner of the image, (h, w)."""
    size = backbone.crop.size
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(3))
    changed = image.clone()
    changed[0, :, corner[0], corner[1]] = 1 - changed[0, :, corner[0], corner[1]]
    with torch.no_grad():
        one, other = backbone.fine_features(image), backbone.fine_features(changed)
    pairs = [(one.map, other.map)]
    if one.fine is not None and other.fine is not None:
        pairs.append((one.fine, other.fine))
    return [(first - second).abs().sum(dim=1)[0] for first, second in pairs]


def check_places(backbone: TimmBackbone) -> None:
    """The upper right corner lies above and right of the lower left one, in every map."""
    third = backbone.crop.size // 3
    first, last = slice(0, third), slice(-third, None)
    for right, left in zip(
        where_it_changes(backbone, (first, last)),
        where_it_changes(backbone, (last, first)),
        strict=True,
    ):
        assert right.ndim == 2
        assert right.shape[0] == right.shape[1]
        if min(right.max() / right.mean(), left.max() / left.mean()) < TOLD_APART:
            continue  # untrained, it spreads whatever changes over all positions alike
        more = right / right.sum() - left / left.sum()
        along = torch.arange(len(more), dtype=more.dtype)
        assert (more.sum(dim=1) * along).sum() < 0, ("rows", right.shape)
        assert (more.sum(dim=0) * along).sum() > 0, ("columns", right.shape)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_right_or_refused_with_a_reason(family: str) -> None:
    name = member(family)
    spec = load_plugins().get("backbone", f"timm/{name}")
    try:
        backbone = check_backbone(spec, name=f"timm/{name}", weights="random")
    except ConfigError as refused:
        if not str(refused).endswith("choose another timm model"):
            raise
        pytest.skip(str(refused))
    assert isinstance(backbone, TimmBackbone)
    images = torch.rand(2, 3, backbone.crop.size, backbone.crop.size)
    with torch.no_grad():
        inside = backbone.model((images - backbone.mean) / backbone.std)
        embedding = backbone.embed(backbone.features(images))
        head = backbone.head(embedding)
    if head is not None:  # the model's own answer is the reference
        torch.testing.assert_close(head, inside[:, 1] - inside[:, 0], rtol=1e-3, atol=1e-4)
    check_places(backbone)


# --- quick ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["levit_128s", "deit_tiny_distilled_patch16_224"])
def test_a_head_that_is_no_function_of_the_embedding_is_none(name: str) -> None:
    check_headless(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caformer_s18", "convformer_s18"])
def test_the_last_layer_of_a_head_with_several_is_no_head(name: str) -> None:
    check_headless(name)


def check_headless(name: str) -> None:
    backbone = build_timm(f"timm/{name}", "random", 0)
    images = torch.rand(1, 3, backbone.crop.size, backbone.crop.size)
    with torch.no_grad():
        embedding = backbone.embed(backbone.features(images))
    assert embedding.shape == (1, backbone.dim)
    assert backbone.head(embedding) is None
    assert backbone.head_direction() is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_vit", "test_byobnet", "test_convnext"])
def test_positions_of_maps_lie_where_the_image_changes(name: str) -> None:
    check_places(build_timm(f"timm/{name}", "random", 0))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["volo_d1_224", "samvit_base_patch16_224"])
def test_blocks_that_keep_channels_last_are_read_so(name: str) -> None:
    """In volo the first stage does, and what comes out are tokens; in samvit all blocks do."""
    check_places(build_timm(f"timm/{name}", "random", 0))


def test_the_two_axes_that_are_alike_are_rows_and_columns() -> None:
    coarse = torch.zeros(2, 20, 3, 3)
    first, last = torch.rand(2, 12, 6, 6), torch.rand(2, 6, 6, 12)
    found = [fine_map(each, coarse) for each in (first, last)]
    assert found[0] is not None
    assert found[1] is not None
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[1], last.permute(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(2, 6, 6, 6), (2, 5, 6, 7), (2, 9, 36), (2, 36)])
def test_axes_that_cannot_be_told_apart_are_no_map(shape: tuple[int, ...]) -> None:
    assert fine_map(torch.zeros(shape), torch.zeros(2, 20, 3, 3)) is None


class Foreign(torch.nn.Module):
    """What a timm model may be: its features are whatever it was given."""

    num_classes = 2

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward_features(self, _images: torch.Tensor) -> object:
        return self.output


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (torch.zeros(1, 6, 6, 6), "rows, columns and channels cannot be distinguished"),
        (torch.zeros(1, 37, 8), r"37 tokens, .* square grid|does not map an image"),
        (torch.zeros(1, 38, 8), "38 tokens, which do not form a square grid"),
        ([torch.zeros(1, 8, 6, 6)] * 2, "a list of 2 outputs, not one feature map"),
        (
            torch.zeros(1, 8, 6, 6),
            r"does not map an image .*AttributeError",
        ),  # without forward_head
    ],
)
def test_what_is_no_map_is_refused_with_a_reason(output: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as told:
        TimmBackbone(
            "timm/foreign",
            Foreign(output),
            crop=CropPolicy(size=32),
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            provenance=WeightsOrigin(weights="random", weights_sha256="0" * 64),
        )
    assert str(told.value).endswith("choose another timm model")
