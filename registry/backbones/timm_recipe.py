"""Build a backbone from a timm model and a weights file, as a recipe describes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import timm
import torch
from timm.models import PretrainedCfg
from torch import nn

from registry.backbones.checkpoint import State, load_state, load_strict, looks_like, state_sha256
from registry.backbones.clip_renaming import hf_clip_to_timm
from registry.backbones.hub import hub_file, hub_name
from registry.backbones.recipe import TimmRecipe
from registry.backbones.renaming import cadene_xception_to_timm, effnet_pytorch_to_timm
from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError, DataError
from registry.plugins.needs import RANDOM

__all__ = ["build_timm_backbone"]


def build_timm_backbone(
    name: str, recipe: TimmRecipe, weights: str | Path | None, seed: int = 0
) -> TimmBackbone:
    """Return the backbone `name` with the weights of a file, or drawn from `seed` for "random".

    "pretrained" and "hf-hub:OWNER/NAME" are fetched, which nothing else does.

    None stands for the file that comes with the install, where the recipe has one.
    A file that does not fit the model strictly is a DataError that says what it looks like.
    """
    own = timm.get_pretrained_cfg(recipe.arch) or PretrainedCfg()
    size = recipe.size or _square(name, own.input_size)
    if weights == RANDOM:
        model = _create(recipe, 2, seed)
        provenance = WeightsOrigin(weights=RANDOM, weights_sha256=state_sha256(model.state_dict()))
    else:
        trained_on = recipe.trained_with(None if weights is None else str(weights))
        hub = None if weights is None else hub_name(recipe.arch, str(weights))
        own_file = _shipped(name, recipe) if weights is None else Path(weights)
        file = own_file if hub is None else hub_file(hub)
        model, provenance = _load(name, replace(recipe, trained_on=trained_on), own, file)
        provenance = replace(provenance, weights=hub or provenance.weights)
    return TimmBackbone(
        name,
        model,
        crop=CropPolicy(name=recipe.crop, size=size, margin=recipe.margin),
        mean=recipe.mean or own.mean,
        std=recipe.std or own.std,
        provenance=provenance,
        many_classes=recipe.many_classes,
    )


def _shipped(name: str, recipe: TimmRecipe) -> Path:
    if recipe.shipped is None:
        raise ConfigError(f"backbone {name!r} comes without weights; pass {recipe.file}")
    return recipe.shipped()


def _load(
    name: str, recipe: TimmRecipe, own: PretrainedCfg, path: Path
) -> tuple[nn.Module, WeightsOrigin]:
    """Return the model with the tensors of a file and its number of classes."""
    tensors, sha256 = load_state(path)
    try:
        state = (recipe.rename or _renaming(recipe.arch))(tensors)
    except DataError as error:
        raise DataError(
            f"{path} as weights of backbone {name!r}: {error}; pass {recipe.file}"
        ) from None
    classes = _classes(own.classifier, state)
    if recipe.classes not in {None, classes}:
        raise DataError(
            f"{path} has {classes or 'no'} classes under this network's names, but"
            f" backbone {name!r} has {recipe.classes}; the file looks like"
            f" {looks_like(tensors)}; pass {recipe.file}"
        )
    model = _create(recipe, classes, seed=0)
    load_strict(model, state, f"{path} as weights of backbone {name!r} (timm {recipe.arch})")
    return model, WeightsOrigin(
        weights=path.name, weights_sha256=sha256, trained_on=recipe.trained_on
    )


def _create(recipe: TimmRecipe, classes: int, seed: int) -> nn.Module:
    """Return a freshly initialised model without changing the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: nn.Module = timm.create_model(recipe.arch, num_classes=classes).eval()
        if recipe.change is not None:  # it may draw layers
            recipe.change(model)
    return model


def _renaming(arch: str) -> Callable[[State], State]:
    """Accept other libraries' names only for models that compute the same."""
    if arch.startswith("vit_") and "_clip_" in arch:
        return hf_clip_to_timm
    if arch.startswith("tf_efficientnet_"):
        return effnet_pytorch_to_timm
    return cadene_xception_to_timm if arch.startswith("legacy_xception") else dict


def _classes(classifier: str | tuple[str, ...] | None, state: State) -> int:
    """Return the number of rows of the classifier in a state dict; 0 without one."""
    for layer in (classifier,) if isinstance(classifier, str) else classifier or ():
        if f"{layer}.weight" in state:
            return int(state[f"{layer}.weight"].shape[0])
    return 0


def _square(name: str, shape: tuple[int, int, int]) -> int:
    _, height, width = shape
    if height != width:
        raise ConfigError(
            f"backbone {name!r} takes images of {width}x{height}, and crops are square;"
            " choose another timm model"
        )
    return height
