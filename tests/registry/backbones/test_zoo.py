"""Every detector of DeepfakeBench is told by the names of its tensors, with what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from registry.backbones.checkpoint import kind_of, load_state
from registry.backbones.zoo import MEMBERS
from registry.cli import main

XCEPTION = ("backbone.block1.rep.0.conv1.weight", "backbone.last_linear.weight")
EFFNET = ("backbone.efficientnet._conv_stem.weight", "backbone.last_layer.weight")
CLIP = ("backbone.embeddings.class_embedding", "backbone.encoder.layers.0.mlp.fc1.weight")
VIDEO = "resnet.s1.pathway0_stem.conv.weight"
ATTENTION = "encoder.layer.0.attention.attention"

# By the names under which it registers them: names of tensors that its classes make, and how what
# is said of them starts.
ZOO: dict[str, tuple[tuple[str, ...], str]] = {
    "facexray": (("post_process.0.weight", "fc.0.weight"), "Face X-ray, which no backbone"),
    "xception": (XCEPTION, "an Xception of DeepfakeBench"),
    "efficientnetb4": (EFFNET, "efficientnetb4 or SBI"),
    "resnet34": (("backbone.resnet.0.weight", "backbone.fc.weight"), "resnet34 (CNN-Aug)"),
    "f3net": ((*XCEPTION, "FAD_head.filters.0.base"), "F3Net, which no backbone"),
    "meso4": (("backbone.conv1.weight", "backbone.fc1.weight"), "Meso-4, which no backbone"),
    "meso4Inception": (
        ("backbone.Incption1_conv1.weight", "backbone.fc1.weight"), "MesoInception-4, which no"
    ),
    "spsl": ((*XCEPTION, "backbone.conv1.weight"), "SPSL, which no backbone takes: the network"),
    "core": (XCEPTION, "an Xception of DeepfakeBench"),
    "capsule_net": (
        ("vgg_ext.vgg_1.0.weight", "fea_ext.capsules.0.0.weight"), "Capsule-Net, which no"
    ),
    "srm": (("backbone_rgb.conv1.weight", "srm_conv0.kernel"), "SRM, which no backbone"),
    "ucf": (("encoder_f.conv1.weight", "head_sha.mlp.2.weight"), "UCF (several layers"),
    "recce": ((*XCEPTION, "model.reasoning.reproject.0.weight"), "RECCE, which no backbone"),
    "fwa": (XCEPTION, "an Xception of DeepfakeBench"),
    "ffd": ((*XCEPTION, "map.c.conv1.weight"), "FFD, which no backbone"),
    "videomae": ((f"backbone.{ATTENTION}.q_bias", "fc_norm.weight"), "VideoMAE, which no backbone"),
    "clip": ((*CLIP, "head.weight"), "a CLIP vision tower from Hugging Face"),
    "timesformer": (
        ("backbone.encoder.layer.0.temporal_attention.attention.qkv.weight", "head.weight"),
        "TimeSformer, which no backbone",
    ),
    "xclip": (
        (*CLIP, "backbone.vision_model.encoder.layers.0.message_attn.q_proj.weight"),
        "X-CLIP, which no backbone",
    ),
    "sbi": (EFFNET, "efficientnetb4 or SBI"),
    "ftcn": ((VIDEO, "resnet.head.time_T.pos_embedding"), "FTCN, which no backbone"),
    "i3d": ((VIDEO, "resnet.head.projection.weight"), "I3D or AltFreezing, which no backbone"),
    "altfreezing": ((VIDEO, "resnet.head.projection.weight"), "I3D or AltFreezing, which no"),
    "stil": (("model.base_model.layer1.0.tim.conv1.weight",), "STIL, which no backbone"),
    "lsda": (
        ("model.student_encoder.model._conv_stem.weight", "model.encoders_f.0.conv.weight"),
        "LSDA (several layers",
    ),
    "sladd": (
        (*XCEPTION, "backbone.type_fc.weight", "backbone.map.c.conv1.weight", "synthesizer.a.bias"),
        "SLADD (when it scores it is an Xception",
    ),
    "pcl_xception": (
        (*XCEPTION, "backbone.type_fc.weight", "PCL.theta.weight"),
        "PCL (when it scores it is an Xception",
    ),
    "iid": ((*XCEPTION, "explicit_extractor.conv1.weight"), "IID, which no backbone"),
    "lrl": (("encoder_rgb.last_layer.weight", "encoder_idct.last_layer.weight"), "LRL, which no"),
    "rfm": (XCEPTION, "an Xception of DeepfakeBench"),
    "uia_vit": (
        ("model.c_cross", "model.norm_middle.weight", "model.blocks.0.attn.qkv.weight"),
        "UIA-ViT, which no backbone",
    ),
    "multi_attention": (
        (*EFFNET, "attention_generation.conv2.weight"), "multi-attention detector, which no"
    ),
    "sia": ((*EFFNET, "att1conv.weight", "att1conv.weight2"), "SIA, which no backbone"),
    "tall": (
        ("model.frame_pos_embed", "model.layers.0.blocks.0.attn.relative_position_bias_table"),
        "TALL, which no backbone",
    ),
}  # fmt: skip
SHAPES = {
    ("meso4", "backbone.fc1.weight"): (16, 1024),
    ("meso4Inception", "backbone.fc1.weight"): (16, 1024),
    ("spsl", "backbone.conv1.weight"): (32, 4, 3, 3),
}


def checkpoint(detector: str) -> dict[str, torch.Tensor]:
    names, _ = ZOO[detector]
    return {name: torch.zeros(SHAPES.get((detector, name), (2, 2))) for name in names}


def test_all_its_detectors_are_there() -> None:
    assert len(ZOO) == 34


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("detector", ZOO)
def test_a_detector_is_told_by_its_names(detector: str, prefix: str, tmp_path: Path) -> None:
    held = {f"{prefix}{name}": tensor for name, tensor in checkpoint(detector).items()}
    torch.save(held, tmp_path / "best.pth")
    kind = kind_of(load_state(tmp_path / "best.pth")[0])
    assert kind.removeprefix("a DeepfakeBench ").startswith(ZOO[detector][1])


def test_what_is_refused_says_why_and_no_rule_is_without_a_detector() -> None:
    for member in MEMBERS:
        assert member.why in member.kind
        assert member.is_taken != ("which no backbone takes: " in member.kind)
        names = [names for names, kind in ZOO.values() if kind.startswith(member.name)]
        assert any(
            member.fits(name.removeprefix("model."), torch.zeros(member.shape or (2,)))
            for each in names
            for name in each
        )


def test_a_stem_of_three_channels_and_an_unlike_layer_are_others() -> None:
    state = checkpoint("spsl") | {"backbone.conv1.weight": torch.zeros(32, 3, 3, 3)}
    assert kind_of(state).startswith("an Xception of DeepfakeBench")
    assert "Meso" not in kind_of({"fc1.weight": torch.zeros(4, 1024)})


def test_inspect_offers_no_backbone_for_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(checkpoint("recce"), tmp_path / "recce_best.pth")
    assert main(["weights", "inspect", str(tmp_path / "recce_best.pth")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "its own layers work inside the network, not after it" in said
    assert "no registered backbone can load this file as it is" in said
