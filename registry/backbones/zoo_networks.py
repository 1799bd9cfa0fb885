"""Two of DeepfakeBench's detectors with more than one linear head behind the network.

What follows the network on the map goes to the end of timm's features, the first linear layer into
the embedding, and the last is the head: so it stays a linear head on an embedding.
"""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from registry.backbones.checkpoint import State, looks_like
from registry.backbones.frozen_padding import freeze_padding
from registry.backbones.renaming import cadene_xception_to_timm, effnet_pytorch_to_timm
from registry.errors import DataError

__all__ = ["lsda_layers", "lsda_to_timm", "ucf_layers", "ucf_to_timm"]

_HALF, _WIDTH = 256, 512  # channels of what UCF's two tasks share; of the embeddings of both

_UCF_LAYERS = (
    (r"^encoder_f\.adjust_channel\.(.+)", r"act4.adjust.\1"),
    (r"^block_sha\.conv2d\.(.+)", r"act4.shared.\1"),
    (r"^head_sha\.mlp\.0\.(.+)", r"global_pool.1.\1"),
    (r"^head_sha\.mlp\.2\.(.+)", r"fc.\1"),
)
_LSDA_LAYERS = (
    (r"^student_encoder\.conv\.(.+)", r"bn2.1.\1"),
    (r"^binary_classifier\.2\.(.+)", r"global_pool.1.\1"),
    (r"^binary_classifier\.4\.(.+)", r"classifier.\1"),
)


def ucf_to_timm(state: State) -> State:
    """Return the half of a UCF that detects, as `ucf_layers` names it; DataError for anything else.

    What it trained beside (the encoder of contents, the generator, the head for methods) is left
    out.
    """
    named = cadene_xception_to_timm(_below("encoder_f.", state, "UCF"))
    network = {n: tensor for n, tensor in named.items() if not n.startswith("fc.")}
    return network | _renamed(state, _UCF_LAYERS)


def ucf_layers(model: nn.Module) -> None:
    """Turn a timm `legacy_xception` with a fresh head into a UCF, in place."""
    xception: Any = model
    before = nn.Sequential(nn.Conv2d(2048, _WIDTH, 1), nn.BatchNorm2d(_WIDTH), nn.ReLU())
    shared = nn.Sequential(
        nn.Conv2d(_WIDTH, _HALF, 1),
        nn.LeakyReLU(),
        nn.Conv2d(_HALF, _HALF, 1),
        nn.LeakyReLU(),
        nn.Conv2d(_HALF, _HALF, 1),
    )
    # In the place of the network's last activation, which a UCF has not.
    xception.act4 = nn.Sequential()
    xception.act4.add_module("adjust", before)
    xception.act4.add_module("shared", shared)
    _widen(xception, _HALF)
    xception.fc = nn.Linear(_WIDTH, xception.num_classes)
    model.eval()


def lsda_to_timm(state: State) -> State:
    """Return the student of an LSDA, as `lsda_layers` names it; DataError for anything else.

    Its teachers and what they were trained with are left out.
    """
    named = effnet_pytorch_to_timm(_below("student_encoder.model.", state, "LSDA"))
    trunk = {n: tensor for n, tensor in named.items() if not n.startswith("classifier.")}
    first = {re.sub(r"^bn2\.", "bn2.0.", name): tensor for name, tensor in trunk.items()}
    return first | _renamed(state, _LSDA_LAYERS)


def lsda_layers(model: nn.Module) -> None:
    """Turn a timm `tf_efficientnet_b4` with a fresh head into the student of an LSDA, in place."""
    freeze_padding(model, 380)
    effnet: Any = model
    effnet.bn2 = nn.Sequential(effnet.bn2, nn.Conv2d(1792, _WIDTH, 1))
    _widen(effnet, _WIDTH)
    effnet.classifier = nn.Linear(_WIDTH, effnet.num_classes)
    model.eval()


def _widen(model: Any, channels: int) -> None:
    """Add a linear layer and its activation behind the pooling."""
    model.global_pool = nn.Sequential(
        model.global_pool, nn.Linear(channels, _WIDTH), nn.LeakyReLU()
    )
    model.num_features = _WIDTH


def _below(prefix: str, state: State, what: str) -> State:
    """Return the tensors whose names start with `prefix`, without it."""
    found = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
    if not found:
        raise DataError(
            f"not a DeepfakeBench {what} but {looks_like(state)}; its names start with {prefix!r}"
        )
    return found


def _renamed(state: State, rules: tuple[tuple[str, str], ...]) -> State:
    """Return the tensors whose names a rule fits, under their new names."""
    return {
        re.sub(pattern, new, name): tensor
        for name, tensor in state.items()
        for pattern, new in rules
        if re.match(pattern, name)
    }
