"""LESB as one file of Python and torch, for environments without this package.

A backbone becomes a list of steps, which `standalone/lesb_detector.py` runs on the tensors of
lesb.pth; that file is copied with the list in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from timm.layers import BatchNormAct2d, Conv2dSame
from timm.models import _efficientnet_blocks as blocks
from timm.models.efficientnet import EfficientNet
from timm.models.xception import Block, SeparableConv2d, Xception
from torch import nn

from lesb_plugin.export.network import LesbNetwork
from lesb_plugin.export.source import ExportSource
from registry import ConfigError, write_text

__all__ = ["FILE", "network_steps", "write_standalone"]

FILE = "lesb_detector.py"
_TEMPLATE = Path(__file__).with_name("standalone") / FILE
_MARK = 'NETWORK = json.loads("{}")\n'
_WIDTH = 100

Steps: TypeAlias = list[list[Any]]


def write_standalone(source: ExportSource, path: Path) -> Path:
    """Write the file with the steps of the network; a ConfigError if the backbone has none."""
    described = json.dumps(_described(source.network), separators=(", ", ": "))
    literal = f"NETWORK = json.loads(\n{_as_lines(described)})\n"
    write_text(path, _TEMPLATE.read_text("utf-8").replace(_MARK, literal))
    return path


def _as_lines(text: str) -> str:
    """Break a long text into string literals below each other."""
    room = _WIDTH - 30
    pieces = [text[at : at + room] for at in range(0, len(text), room)]
    return "".join(f"    {piece!r}\n" for piece in pieces)


def _described(network: LesbNetwork) -> dict[str, Any]:
    backbone: Any = network.backbone
    return {
        "size": network.crop.size,
        "mean": backbone.mean.flatten().tolist(),
        "std": backbone.std.flatten().tolist(),
        "parts": list(network.parts),
        "fusion": network.fusion,
        "steps": network_steps(backbone),
        "tensors": {name: list(tensor.shape) for name, tensor in network.state_dict().items()},
    }


def network_steps(backbone: Any) -> Steps:
    """List the steps from normalised images to the last feature map, whose mean is the embedding.

    ConfigError for a network other than timm's EfficientNets and its legacy Xception.
    """
    model = getattr(backbone, "model", None)
    if not isinstance(model, (EfficientNet, Xception)) or not backbone.mean_pooled:
        raise ConfigError(
            f"backbone {backbone.name!r} ({type(model).__name__}) cannot be written as one"
            " file: only EfficientNets and Xception can (sbi_efflite0, sbi_effb4,"
            " efflite0_in1k, dfb_effb4, dfb_xception, xception, timm/tf_efficientnet_*)."
            " Omit --standalone, and run it with `python -m lesb_plugin.deepfakebench`"
        )
    return _steps(model, "backbone.model")


def _steps(module: nn.Module, name: str) -> Steps:
    """List the steps of a module of that name; a ConfigError for an unknown class."""
    for kind, found in _KINDS.items():
        if isinstance(module, kind):
            return found(module, name)
    raise ConfigError(
        f"{name} is a {type(module).__name__}, which cannot be written as one file; omit"
        " --standalone, and run it with `python -m lesb_plugin.deepfakebench`"
    )


def _children(*names: str) -> Callable[[Any, str], Steps]:
    """List the steps of these children in this order."""

    def found(module: Any, name: str) -> Steps:
        return [
            step
            for child in names
            for step in _steps(module.get_submodule(child), f"{name}.{child}")
        ]

    return found


def _all_children(module: Any, name: str) -> Steps:
    return _children(*(child for child, _ in module.named_children()))(module, name)


def _conv(module: Any, name: str) -> Steps:
    if set(module.dilation) != {1}:
        raise ConfigError(f"{name} is dilated, which --standalone does not support")
    if isinstance(module, Conv2dSame):
        padding: Any = "same"
    elif hasattr(module, "frozen"):
        padding = list(module.frozen)
    else:
        rows, columns = module.padding
        padding = [columns, columns, rows, rows]
    return [["conv", name, list(module.stride), padding, module.groups]]


def _norm(module: Any, name: str) -> Steps:
    own: Steps = [["norm", name, module.eps]]
    act = getattr(module, "act", None)
    return own if act is None else own + _steps(act, f"{name}.act")


def _op(op: str) -> Callable[[Any, str], Steps]:
    return lambda _module, _name: [[op]]


def _gate(module: Any, name: str) -> Steps:
    inner = _children("conv_reduce", "act1", "conv_expand", "gate")(module, name)
    return [["gate", inner]]


def _skipping(*names: str) -> Callable[[Any, str], Steps]:
    """Describe a block of these children, whose input is added if the block has a shortcut."""

    def found(module: Any, name: str) -> Steps:
        inner = _children(*names)(module, name)
        return [["residual", inner, []]] if module.has_skip else inner

    return found


def _xception_block(module: Any, name: str) -> Steps:
    beside = [] if module.skip is None else _children("skip", "skipbn")(module, name)
    return [["residual", _steps(module.rep, f"{name}.rep"), beside]]


def _maxpool(module: Any, _name: str) -> Steps:
    return [["maxpool", module.kernel_size, module.stride, module.padding]]


def _xception(module: Any, name: str) -> Steps:
    ends = [f"{kind}{n}" for n in (1, 2) for kind in ("conv", "bn", "act")]
    middle = [f"block{n}" for n in range(1, 13)]
    last = [f"{kind}{n}" for n in (3, 4) for kind in ("conv", "bn", "act")]
    return _children(*ends, *middle, *last)(module, name)


_KINDS: dict[type, Callable[[Any, str], Steps]] = {
    nn.Conv2d: _conv,
    BatchNormAct2d: _norm,
    nn.BatchNorm2d: _norm,
    nn.ReLU6: _op("relu6"),
    nn.ReLU: _op("relu"),
    nn.SiLU: _op("silu"),
    nn.Sigmoid: _op("sigmoid"),
    nn.Identity: lambda _module, _name: [],
    nn.MaxPool2d: _maxpool,
    nn.Sequential: _all_children,
    blocks.SqueezeExcite: _gate,
    blocks.ConvBnAct: _skipping("conv", "bn1", "aa"),
    blocks.DepthwiseSeparableConv: _skipping("conv_dw", "bn1", "aa", "se", "conv_pw", "bn2"),
    blocks.EdgeResidual: _skipping("conv_exp", "bn1", "aa", "se", "conv_pwl", "bn2"),
    blocks.InvertedResidual: _skipping(
        "conv_pw", "bn1", "conv_dw", "bn2", "aa", "se", "conv_pwl", "bn3"
    ),
    EfficientNet: _children("conv_stem", "bn1", "blocks", "conv_head", "bn2"),
    SeparableConv2d: _children("conv1", "pointwise"),
    Block: _xception_block,
    Xception: _xception,
}
