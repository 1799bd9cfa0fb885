"""Convert CLIP's vision tower, and detectors built on it, from Hugging Face's names to timm's."""

from __future__ import annotations

import re

import torch
from torch import nn
from torch.nn import functional

from registry.backbones.checkpoint import State, looks_like
from registry.errors import DataError

__all__ = ["UnitLength", "hf_clip_to_timm"]

_CLASS = "embeddings.class_embedding"
# Of a whole CLIP, or of GenD's: what the vision tower's own output needs nothing of.
_UNUSED = re.compile(
    r"(^|\.)(text_model|text_projection|visual_projection)\.|(^|\.)logit_scale$"
    r"|embeddings\.position_ids$"
)
_HEADS = ("head.", "model.linear.", "classifier.")  # CLIP and Effort, GenD, Hugging Face's own
_TOP = {
    "pre_layrnorm": "norm_pre",  # their spelling
    "post_layernorm": "norm",
    "embeddings.patch_embedding": "patch_embed.proj",
}
_IN_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(\w+)$")
_LAYER = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "self_attn.out_proj": "attn.proj",
}


class UnitLength(nn.Module):
    """Scale embeddings (B, d) to unit length, for a head that was trained on such."""

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        return functional.normalize(embedding, dim=-1)


def hf_clip_to_timm(state: State) -> State:
    """Return a CLIP vision tower of Hugging Face's under the names of timm's `vit_*_clip_*`.

    Whatever stands before the tower's names; with the head of DeepfakeBench's CLIP, of Effort,
    whose attention weights are a fixed part and a low-rank residual (added here), or of GenD. A
    state dict that has no such names comes back as it is.
    """
    first = next((name for name in state if name.endswith(_CLASS)), None)
    if first is None:
        return state
    start = first.removesuffix(_CLASS)
    tower, renamed = {}, {}
    for name, tensor in state.items():
        if name.startswith(start) and not _is_head(name):
            tower[name.removeprefix(start)] = tensor
        else:
            renamed[_head_name(name)] = tensor
    tower = _without_unused(_folded(_without_unused(tower)))
    return {**_tower(tower), **_without_unused(renamed)}


def _is_head(name: str) -> bool:
    return name.startswith(_HEADS)


def _head_name(name: str) -> str:
    prefix = next((each for each in _HEADS if name.startswith(each)), None)
    return name if prefix is None else f"head.{name.removeprefix(prefix)}"


def _without_unused(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if not _UNUSED.search(name)}


def _folded(tower: State) -> State:
    """Return the weights that two parts stand for: W = W_main + U diag(s) V (Effort)."""
    folded = {}
    for name, tensor in tower.items():
        layer, _, part = name.rpartition(".")
        if part in {"U_residual", "S_residual", "V_residual"}:
            continue
        if part != "weight_main":
            folded[name] = tensor
            continue
        u, s, v = (tower.get(f"{layer}.{each}_residual") for each in "USV")
        residual = 0 if u is None or s is None or v is None else (u * s) @ v
        folded[f"{layer}.weight"] = tensor + residual
    return folded


def _tower(tower: State) -> State:
    renamed: State = {}
    for name, tensor in tower.items():
        found = _IN_LAYER.match(name)
        layer, _, part = name.rpartition(".")
        if found is not None:
            number, inner, kind = found.groups()
            if inner in {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}:
                renamed[f"blocks.{number}.attn.qkv.{kind}"] = _qkv(tower, number, kind)
            else:
                renamed[f"blocks.{number}.{_LAYER.get(inner, inner)}.{kind}"] = tensor
        elif name == _CLASS:
            renamed["cls_token"] = tensor.reshape(1, 1, -1)
        elif name == "embeddings.position_embedding.weight":
            renamed["pos_embed"] = tensor[None]
        else:
            renamed[f"{_TOP.get(layer, layer)}.{part}"] = tensor
    return renamed


def _qkv(tower: State, number: str, kind: str) -> torch.Tensor:
    """Query, key and value of one layer, which timm keeps in one tensor."""
    names = [f"encoder.layers.{number}.self_attn.{each}_proj.{kind}" for each in "qkv"]
    if missing := [name for name in names if name not in tower]:
        raise DataError(f"no {missing[0]} in {looks_like(tower)}")
    return torch.cat([tower[name] for name in names])
