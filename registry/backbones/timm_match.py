"""Find the timm model of a state dict by the names and shapes of its tensors alone."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import timm
import torch

from registry.backbones.checkpoint import HEADS

__all__ = ["timm_matches"]

State = Mapping[str, torch.Tensor]
_SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1280: "huge"}
_SWIN = {96: ("tiny", "small"), 128: ("base",), 192: ("large",)}
_COUNTER = "num_batches_tracked"  # files older than torch 0.4.1 lack it


def timm_matches(state: State) -> Iterator[str]:
    """Yield names of timm models that the state dict fits strictly, the shortest name first.

    Models are built without memory for their weights. Only the common families are tried: ResNet,
    EfficientNet, MobileNet, ConvNeXt, ViT and Swin.
    """
    wanted = {name: tuple(t.shape) for name, t in state.items() if not name.endswith(_COUNTER)}
    classes = [t.shape[0] for name, t in state.items() if HEADS.search(name) and t.ndim > 1]
    for name in _candidates(state):
        if _shapes(name, classes[-1] if classes else 0) == wanted:
            yield name


def _candidates(state: State) -> list[str]:
    """Return the names in the family whose tensors are named in this way."""
    names = {
        name
        for pattern, globs in _FAMILIES.items()
        if any(re.search(pattern, each) for each in state)
        for glob in globs(state)
        for name in timm.list_models(glob)
    }
    return sorted(names, key=lambda name: (len(name), name))


def _shapes(name: str, classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's tensors by name; nothing for one that cannot be built."""
    try:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False, num_classes=classes)
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        return {}  # some models compute with numbers while they are built
    own = model.state_dict()
    return {key: tuple(t.shape) for key, t in own.items() if not key.endswith(_COUNTER)}


def _count(state: Iterable[str], pattern: str) -> int:
    return len({found[0] for name in state if (found := re.match(pattern, name))})


def _resnets(state: State) -> list[str]:
    blocks = sum(_count(state, rf"layer{stage}\.\d+\.") for stage in (1, 2, 3, 4))
    depth = blocks * (3 if "layer1.0.conv3.weight" in state else 2) + 2
    return [f"{kind}{depth}*" for kind in ("resnet", "resnext", "wide_resnet", "seresnet")]


def _efficientnets(_state: State) -> list[str]:
    numbered = ("efficientnet_b?", "tf_efficientnet_b?", "tf_efficientnet_lite?")
    return [*numbered, "*efficientnetv2_*", "mobilenetv2_*", "mobilenetv3_*"]


def _transformers(state: State) -> list[str]:
    """Return globs by width, patch size and image size, as a ViT's tensors show them."""
    patches, positions = state.get("patch_embed.proj.weight"), state.get("pos_embed")
    if patches is None or positions is None or patches.ndim != 4:
        return []
    side = int(patches.shape[-1])
    image = math.isqrt(int(positions.shape[1])) * side
    return [f"*_{_SIZES.get(int(patches.shape[0]), '?')}_patch{side}_*{image}*"]


def _swins(state: State) -> list[str]:
    stem = state.get("patch_embed.proj.weight")
    sizes = () if stem is None else _SWIN.get(int(stem.shape[0]), ())
    return [f"{kind}_{size}_*" for kind in ("swin", "swinv2") for size in sizes]


_FAMILIES: Mapping[str, Callable[[State], Iterable[str]]] = {
    r"^layer1\.0\.conv1\.weight$": _resnets,
    r"^conv_stem\.weight$": _efficientnets,
    r"^blocks\.0\.attn\.": _transformers,
    r"relative_position_bias_table$": _swins,
    r"^stages\.0\.(blocks\.)?0\.": lambda _state: ["convnext*"],
}
