"""Convert checkpoints of other libraries to timm's names: the same networks, tensor for tensor."""

from __future__ import annotations

import math
import re

from registry.backbones.checkpoint import State, looks_like
from registry.errors import DataError

__all__ = [
    "cadene_xception_to_timm",
    "dfb_effnet_to_timm",
    "dfb_resnet_to_timm",
    "effnet_pytorch_to_timm",
]

# Blocks per stage of EfficientNet B0 (also lite0). B1 to B7 deepen each stage by one factor, lite1
# to lite4 all but the first and the last; no two of them have as many blocks but differ in stages.
B0_REPEATS = (1, 2, 2, 3, 3, 4, 1)
DEPTHS = (1.0, 1.1, 1.4, 1.8, 2.2, 2.6, 3.1)
LITE_DEPTHS = (1.1, 1.2, 1.4, 1.8)


def _deepened(depth: float) -> tuple[int, ...]:
    return tuple(math.ceil(depth * blocks) for blocks in B0_REPEATS)


REPEATS = {sum(each): each for each in map(_deepened, DEPTHS)} | {
    sum(each): each for each in ((1, *_deepened(depth)[1:-1], 1) for depth in LITE_DEPTHS)
}
IN_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(.+)$")
EFFNET_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# What SLADD and PCL of DeepfakeBench train beside their Xception, and do not score with.
BESIDE = re.compile(r"^(synthesizer|PCL|backbone\.(type_fc|mag_fc|map))\.")
# torchvision's ResNet without its last two children, as a sequence.
RESNET_CHILDREN = {
    "0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4",
}  # fmt: skip
# The first stage's blocks do not expand: their depthwise convolution comes first.
EFFNET_FIRST_STAGE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
EFFNET_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def effnet_pytorch_to_timm(state: State) -> State:
    """Return a state dict of `efficientnet_pytorch` under the names of timm's `tf_efficientnet_*`.

    A state dict that has no such names comes back as it is.
    """
    if "_conv_stem.weight" not in state:
        return state
    numbers = [int(found[1]) for name in state if (found := IN_BLOCK.match(name))]
    count = max(numbers, default=-1) + 1
    if count not in REPEATS:
        raise DataError(
            f"an efficientnet_pytorch network of {count} blocks is not known; B0 to B7 and"
            f" lite0 to lite4 have {', '.join(map(str, sorted(REPEATS)))}"
        )
    places = [(stage, block) for stage, n in enumerate(REPEATS[count]) for block in range(n)]
    return {_timm_effnet_name(name, places): tensor for name, tensor in state.items()}


def dfb_effnet_to_timm(state: State) -> State:
    """Return a DeepfakeBench `efficientnetb4` under timm's names; DataError for anything else.

    Its head stands apart, as `last_layer`; a layer for another number of channels is not used.
    """
    state = {name.removeprefix("backbone."): tensor for name, tensor in state.items()}
    if "efficientnet._conv_stem.weight" not in state:
        raise DataError(
            f"not a DeepfakeBench efficientnetb4 but {looks_like(state)}; its names start"
            " with 'backbone.efficientnet.'"
        )
    inner = {
        name.removeprefix("efficientnet.").replace("last_layer.", "_fc."): tensor
        for name, tensor in state.items()
        if not name.startswith(("efficientnet._fc.", "adjust_channel."))
    }
    return effnet_pytorch_to_timm(inner)


def _timm_effnet_name(name: str, places: list[tuple[int, int]]) -> str:
    found = IN_BLOCK.match(name)
    if found is None:
        layer, _, tensor = name.partition(".")
        return f"{EFFNET_TOP.get(layer, layer)}.{tensor}"
    number, layer, tensor = found.groups()
    stage, block = places[int(number)]
    layers = EFFNET_BLOCK if stage else EFFNET_FIRST_STAGE
    return f"blocks.{stage}.{block}.{layers.get(layer, layer)}.{tensor}"


def cadene_xception_to_timm(state: State) -> State:
    """Return a Cadene or DeepfakeBench Xception under the names of timm's `legacy_xception`.

    A state dict that has no such names comes back as it is.
    """
    state = {n.removeprefix("backbone."): t for n, t in state.items() if not BESIDE.match(n)}
    if not any(name.startswith("last_linear.") for name in state):
        return state
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("adjust_channel."):
            continue
        pointwise = name.endswith("pointwise.weight") and tensor.ndim == 2
        own = re.sub(r"^last_linear\.(?:1\.)?", "fc.", name)
        renamed[own] = tensor[:, :, None, None] if pointwise else tensor
    return renamed


def dfb_resnet_to_timm(state: State) -> State:
    """DeepfakeBench's ResNet (`resnet34`, its CNN-Aug) under timm's names; DataError for others."""
    state = {name.removeprefix("backbone."): tensor for name, tensor in state.items()}
    if "resnet.0.weight" not in state:
        raise DataError(
            f"not a DeepfakeBench resnet34 but {looks_like(state)}; its names start with"
            " 'backbone.resnet.'"
        )
    renamed = {}
    for name, tensor in state.items():
        number, _, rest = name.removeprefix("resnet.").partition(".")
        is_child = name.startswith("resnet.") and number in RESNET_CHILDREN
        renamed[f"{RESNET_CHILDREN[number]}.{rest}" if is_child else name] = tensor
    return renamed
