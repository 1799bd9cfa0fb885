"""A record for the weights of each named backbone; nothing heavy is imported."""

from __future__ import annotations

from typing import Any

from registry.backbones.recipe import TimmRecipe, spec_of
from registry.contracts.training import Training
from registry.plugins.specs import BackboneSpec, lazy

__all__ = ["RECIPES", "named_backbones"]

_HALF = (0.5, 0.5, 0.5)
_IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_FORGERIES = (Training(dataset="FaceForensics++", task="forgery"),)
_XCEPTION = (
    "xception_best.pth of DeepfakeBench (the releases of https://github.com/SCLBD/DeepfakeBench),"
    " a Cadene Xception, or a state dict of timm's legacy_xception"
)
_ALIGNED: dict[str, Any] = {
    "crop": "deepfakebench", "margin": 0.3, "trained_on": _FORGERIES
}  # fmt: skip
_DFB: dict[str, Any] = {
    **_ALIGNED, "mean": _HALF, "std": _HALF, "license": "DeepfakeBench: CC BY-NC 4.0"
}  # fmt: skip
_CLIP: dict[str, Any] = {
    **_ALIGNED, "size": 224, "mean": _CLIP_MEAN, "std": _CLIP_STD, "classes": 2
}  # fmt: skip
_LITE: dict[str, Any] = {
    "size": 224,
    "mean": _HALF,
    "std": _HALF,
    "trained_on": (Training(dataset="imagenet-1k", task="recognition"),),
    "license": "Apache-2.0",
}

RECIPES = {
    "sbi_effb4": TimmRecipe(
        arch="tf_efficientnet_b4",
        file="FFraw.tar or FFc23.tar, the pretrained weights of the repository"
        " https://github.com/mapooon/SelfBlendedImages (links in its README), or a state dict of"
        " timm's tf_efficientnet_b4 with two classes, the second of them fake",
        names=("FFraw.tar", "FFc23.tar"),
        size=380,
        mean=(0.0, 0.0, 0.0),  # RGB in [0, 1] as it is
        std=(1.0, 1.0, 1.0),
        trained_on=_FORGERIES,
        license="SBI: research only",
        classes=2,
    ),
    # At the size that DeepfakeBench trains it for.
    "xception": TimmRecipe(
        arch="legacy_xception",
        file=_XCEPTION,
        names=("xception_best.pth",),
        size=256,
        mean=_HALF,
        std=_HALF,
    ),
    "dfb_xception": TimmRecipe(
        arch="legacy_xception", file=_XCEPTION, names=("xception_best.pth",), size=256, **_DFB
    ),
    # No padding before the stem, elsewhere that of 380 px.
    "dfb_effb4": TimmRecipe(
        arch="tf_efficientnet_b4",
        file="effnb4_best.pth of DeepfakeBench (the releases of"
        " https://github.com/SCLBD/DeepfakeBench), or another checkpoint of its efficientnetb4",
        names=("effnb4_best.pth",),
        size=256,
        rename=lazy("registry.backbones.renaming:dfb_effnet_to_timm"),
        change=lazy("registry.builtin.backbones:dfb_padding"),
        many_classes=True,
        **_DFB,
    ),
    # The same network, which it feeds with ImageNet's mean and std.
    "dfb_sbi_effb4": TimmRecipe(
        arch="tf_efficientnet_b4",
        file="sbi_best.pth of DeepfakeBench, or another checkpoint of its sbi",
        names=("sbi_best.pth",),
        size=256,
        rename=lazy("registry.backbones.renaming:dfb_effnet_to_timm"),
        change=lazy("registry.builtin.backbones:dfb_padding"),
        many_classes=True,
        **{**_DFB, **_IMAGENET},
    ),
    # What detects of it: its encoder of forgeries, the block and the head of what methods share.
    "dfb_ucf": TimmRecipe(
        arch="legacy_xception",
        file="ucf_best.pth of DeepfakeBench, or another checkpoint of its ucf on an Xception",
        names=("ucf_best.pth",),
        size=256,
        classes=2,
        rename=lazy("registry.backbones.zoo_networks:ucf_to_timm"),
        change=lazy("registry.backbones.zoo_networks:ucf_layers"),
        **_DFB,
    ),
    # Its student, with the padding of 380 px everywhere.
    "dfb_lsda": TimmRecipe(
        arch="tf_efficientnet_b4",
        file="lsda_best.pth of DeepfakeBench, or another checkpoint of its lsda",
        names=("lsda_best.pth",),
        size=256,
        classes=2,
        rename=lazy("registry.backbones.zoo_networks:lsda_to_timm"),
        change=lazy("registry.backbones.zoo_networks:lsda_layers"),
        **_DFB,
    ),
    "dfb_resnet34": TimmRecipe(
        arch="resnet34",
        file="cnnaug_best.pth of DeepfakeBench, or another checkpoint of its resnet34",
        names=("cnnaug_best.pth",),
        size=256,
        classes=2,
        rename=lazy("registry.backbones.renaming:dfb_resnet_to_timm"),
        **_DFB,
    ),
    # DeepfakeBench feeds its CLIP with a mean and std of 0.5.
    "dfb_clip_b16": TimmRecipe(
        arch="vit_base_patch16_clip_quickgelu_224",
        file="clip_best.pth of DeepfakeBench, or another checkpoint of its clip",
        names=("clip_best.pth",),
        size=224,
        classes=2,
        **_DFB,
    ),
    # Yan et al., ICML 2025: CLIP ViT-L/14, its residual added to the weights it is of.
    "effort_clip_l14": TimmRecipe(
        arch="vit_large_patch14_clip_quickgelu_224",
        file="a checkpoint of Effort (https://github.com/YZY-stack/Effort-AIGI-Detection) trained"
        " on FaceForensics++",
        **_CLIP,
    ),
    # Yermakov et al., WACV 2026: a head on embeddings of length 1.
    "gend_clip_l14": TimmRecipe(
        arch="vit_large_patch14_clip_quickgelu_224",
        file="model.safetensors of GenD with CLIP ViT-L/14 (https://github.com/yermandy/GenD)",
        change=lazy("registry.builtin.backbones:unit_length"),
        **_CLIP,
    ),
    "vit_s16": TimmRecipe(
        arch="vit_small_patch16_224",
        file="a state dict of timm's vit_small_patch16_224 with any number of classes",
        size=224,
        mean=_HALF,
        std=_HALF,
    ),
    "vit_b16": TimmRecipe(
        arch="vit_base_patch16_224",
        file="a state dict of timm's vit_base_patch16_224 with any number of classes",
        size=224,
        mean=_HALF,
        std=_HALF,
    ),
    "efflite0_in1k": TimmRecipe(
        arch="tf_efficientnet_lite0",
        file="a state dict of timm's tf_efficientnet_lite0",
        shipped=lazy("registry.builtin.backbones:lite0_file"),
        **_LITE,
    ),
    # At the size of Lite0 rather than its own 260 px, for a quarter less arithmetic.
    "efflite2_in1k": TimmRecipe(
        arch="tf_efficientnet_lite2",
        file="a state dict of timm's tf_efficientnet_lite2",
        shipped=lazy("registry.builtin.backbones:lite2_file"),
        **_LITE,
    ),
}
_SUMMARIES = {
    "sbi_effb4": "EfficientNet-B4 of Self-Blended Images, 380 px; needs its released weights",
    "xception": "Xception (timm legacy_xception), 256 px; needs a weights file",
    "dfb_xception": "Xception of DeepfakeBench: aligned crops, 256 px; needs its weights",
    "dfb_effb4": "EfficientNet-B4 of DeepfakeBench: aligned crops, 256 px; needs its weights",
    "dfb_sbi_effb4": "SBI of DeepfakeBench: EfficientNet-B4 with SBI's input; needs its weights",
    "dfb_ucf": (
        "UCF of DeepfakeBench, its detecting branch: aligned crops, 256 px; needs its weights"
    ),
    "dfb_lsda": (
        "LSDA of DeepfakeBench, its student network: aligned crops, 256 px; needs its weights"
    ),
    "dfb_resnet34": "ResNet-34 of DeepfakeBench (CNN-Aug): aligned crops, 256 px; needs weights",
    "dfb_clip_b16": "CLIP ViT-B/16 of DeepfakeBench: aligned crops, 224 px; needs its weights",
    "effort_clip_l14": "Effort on CLIP ViT-L/14: aligned crops, 224 px; needs its weights",
    "gend_clip_l14": "GenD on CLIP ViT-L/14: aligned crops, 224 px; needs its weights",
    "vit_s16": "ViT-S/16 (timm vit_small_patch16_224), 224 px; needs a weights file",
    "vit_b16": "ViT-B/16 (timm vit_base_patch16_224), 224 px; needs a weights file",
    "efflite0_in1k": (
        "EfficientNet-Lite0 with ImageNet weights that come with the install, 224 px"
    ),
    "efflite2_in1k": "EfficientNet-Lite2 with ImageNet weights of the extra `lite2`, 224 px",
}


def named_backbones() -> list[BackboneSpec]:
    """Return the records to register."""
    build = lazy("registry.builtin.backbones:build_named")
    return [spec_of(name, RECIPES[name], text, build) for name, text in _SUMMARIES.items()]
