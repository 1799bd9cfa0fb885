"""CLIP's vision tower under the names of Hugging Face and of detectors that are made of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch.nn import functional

from registry.backbones.checkpoint import load_state
from registry.backbones.clip_renaming import hf_clip_to_timm
from registry.builtin.backbones import build_named, build_timm
from registry.errors import DataError

TINY = "vit_xsmall_patch16_clip_224"
NAMES = {
    "norm_pre": "pre_layrnorm", "norm": "post_layernorm", "norm1": "layer_norm1",
    "norm2": "layer_norm2", "attn.proj": "self_attn.out_proj",
    "patch_embed.proj": "embeddings.patch_embedding",
}  # fmt: skip


def tiny(classes: int = 2) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(TINY, num_classes=classes).eval()
        for parameter in model.parameters():  # norms and biases that do something
            torch.nn.init.normal_(parameter, 0, 0.05)
    return model


def theirs(model: Any) -> dict[str, torch.Tensor]:
    """The tensors of a timm model under Hugging Face's names, written from their documentation."""
    state: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if name == "cls_token":
            state["embeddings.class_embedding"] = tensor[0, 0]
        elif name == "pos_embed":
            state["embeddings.position_embedding.weight"] = tensor[0]
        elif layer == "head":
            continue
        elif layer.startswith("blocks."):
            _, number, inner = layer.split(".", 2)
            start = f"encoder.layers.{number}"
            if inner == "attn.qkv":
                for which, part in zip("qkv", tensor.chunk(3), strict=True):
                    state[f"{start}.self_attn.{which}_proj.{kind}"] = part
            else:
                state[f"{start}.{NAMES.get(inner, inner)}.{kind}"] = tensor
        else:
            state[f"{NAMES[layer]}.{kind}"] = tensor
    state["embeddings.position_ids"] = torch.arange(197)[None]  # older releases have it
    return state


def images() -> torch.Tensor:
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def same(found: dict[str, torch.Tensor], model: Any) -> None:
    own = model.state_dict()
    assert set(found) == set(own)
    for name, tensor in own.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "head"),
    [("backbone.", "head."), ("feature_extractor.vision_model.", "model.linear.")],
)
def test_a_tower_and_a_head_behind_any_prefix_come_out_as_timms(before: str, head: str) -> None:
    model = tiny()
    state = {f"{before}{name}": tensor for name, tensor in theirs(model).items()}
    state |= {f"{head}{kind}": getattr(model.head, kind) for kind in ("weight", "bias")}
    state["feature_extractor.visual_projection.weight"] = torch.zeros(4, 4)
    same(hf_clip_to_timm(state), model)


@pytest.mark.slow
def test_a_whole_clip_gives_its_tower_alone() -> None:
    model = tiny(classes=0)
    state = {f"vision_model.{name}": tensor for name, tensor in theirs(model).items()}
    state |= {"logit_scale": torch.tensor(1.0), "text_model.final.weight": torch.zeros(2)}
    same(hf_clip_to_timm(state), model)


@pytest.mark.slow
def test_a_residual_by_svd_is_added_to_the_weight_that_it_is_of() -> None:
    model = tiny()
    state: dict[str, torch.Tensor] = {}
    for name, tensor in theirs(model).items():
        if ".self_attn." not in name or not name.endswith(".weight"):
            state[f"backbone.{name}"] = tensor
            continue
        u, s, v = torch.linalg.svd(tensor, full_matrices=False)
        layer, rank = f"backbone.{name.removesuffix('weight')}", len(s) - 2
        state[f"{layer}weight_main"] = u[:, :rank] @ torch.diag(s[:rank]) @ v[:rank]
        state[f"{layer}U_residual"], state[f"{layer}S_residual"] = u[:, rank:], s[rank:]
        state[f"{layer}V_residual"] = v[rank:]
    state |= {f"head.{kind}": getattr(model.head, kind) for kind in ("weight", "bias")}
    same(hf_clip_to_timm(state), model)


@pytest.mark.slow
def test_a_timm_clip_takes_such_a_file_and_others_come_back_as_they_are(tmp_path: Path) -> None:
    model = tiny()
    torch.save({f"module.{n}": t for n, t in theirs(model).items()}, tmp_path / "hf.pth")
    built = build_timm(f"timm/{TINY}", str(tmp_path / "hf.pth"))
    mean, std = built.mean, built.std
    with torch.no_grad():
        expected = model.forward_head(model.forward_features((images() - mean) / std), True)
        found = built.embed(built.features(images()))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    own = model.state_dict()
    assert hf_clip_to_timm(own) is own


def test_a_layer_without_its_key_is_told() -> None:
    state = theirs(tiny())
    del state["encoder.layers.0.self_attn.k_proj.weight"]
    with pytest.raises(DataError, match=r"no encoder\.layers\.0\.self_attn\.k_proj\.weight"):
        hf_clip_to_timm(state)


def test_the_counter_of_averaged_weights_is_left_out(tmp_path: Path) -> None:
    held = {"n_averaged": torch.tensor(3), "module.a.weight": torch.ones(2)}
    torch.save(held, tmp_path / "swa.pth")
    assert set(load_state(tmp_path / "swa.pth")[0]) == {"a.weight"}
    torch.save({"state_dict": {"module.module.a.weight": torch.ones(2)}}, tmp_path / "ddp.pth")
    assert set(load_state(tmp_path / "ddp.pth")[0]) == {"a.weight"}


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="no transformers")
def test_deepfakebenchs_clip_gives_the_logits_of_the_real_class(tmp_path: Path) -> None:
    program = _REAL.format(path=tmp_path / "clip.pth", images=tmp_path / "images.pt")
    _run(program)
    given = torch.load(tmp_path / "images.pt", weights_only=True)
    built = build_named("dfb_clip_b16", str(tmp_path / "clip.pth"))
    with torch.no_grad():
        embedding = built.embed(built.features(given["images"]))
        head = built.head(embedding)
    assert head is not None
    torch.testing.assert_close(embedding, given["pooled"], rtol=1e-3, atol=1e-4)
    logits = given["logits"]
    torch.testing.assert_close(head, logits[:, 1] - logits[:, 0], rtol=1e-3, atol=1e-4)


_REAL = """
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel
torch.manual_seed(0)
config = CLIPVisionConfig(
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    image_size=224, patch_size=16,
)
model = CLIPVisionModel(config).eval()
tower = getattr(model, "vision_model", model)
head = torch.nn.Linear(768, 2)
images = torch.rand(2, 3, 224, 224)
with torch.no_grad():
    pooled = tower(images * 2 - 1).pooler_output
    logits = head(pooled)
state = {{"backbone." + n: t for n, t in tower.state_dict().items()}}
state.update({{"head." + n: t for n, t in head.state_dict().items()}})
torch.save(state, "{path}")
torch.save({{"images": images, "pooled": pooled, "logits": logits}}, "{images}")
"""


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="no transformers")
def test_a_residual_on_the_real_class_gives_the_logits_of_both(tmp_path: Path) -> None:
    """Effort on a small tower: its layers compute with W_main + U diag(s) V."""
    model = tiny()
    block = model.blocks[0]
    sizes = {
        "hidden_size": model.embed_dim, "intermediate_size": block.mlp.fc1.out_features,
        "num_hidden_layers": len(model.blocks), "num_attention_heads": block.attn.num_heads,
        "image_size": 224, "patch_size": 16, "hidden_act": "gelu",
    }  # fmt: skip
    path, images = tmp_path / "effort.pth", tmp_path / "images.pt"
    _run(_EFFORT.format(sizes=sizes, path=path, images=images))
    given = torch.load(images, weights_only=True)
    built = build_timm(f"timm/{TINY}", str(path))
    with torch.no_grad():
        head = built.head(built.embed(built.features(given["images"] * built.std + built.mean)))
    assert head is not None
    logits = given["logits"]
    assert (logits[0] - logits[1]).abs().max() > 1e-3
    torch.testing.assert_close(head, logits[:, 1] - logits[:, 0], rtol=1e-3, atol=1e-4)


_EFFORT = """
import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel
torch.manual_seed(0)
model = CLIPVisionModel(CLIPVisionConfig(**{sizes})).eval()
tower = getattr(model, "vision_model", model)

class Residual(nn.Module):
    def __init__(self, linear):
        super().__init__()
        u, s, v = torch.linalg.svd(linear.weight.data, full_matrices=False)
        self.weight_main = nn.Parameter((u[:, :-1] * s[:-1]) @ v[:-1])
        self.U_residual, self.V_residual = nn.Parameter(u[:, -1:]), nn.Parameter(v[-1:])
        self.S_residual = nn.Parameter(s[-1:] + 1)  # as training moves it
        self.bias = linear.bias

    def forward(self, x):
        beside = self.U_residual @ torch.diag(self.S_residual) @ self.V_residual
        return nn.functional.linear(x, self.weight_main + beside, self.bias)

for layer in tower.encoder.layers:
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        setattr(layer.self_attn, name, Residual(getattr(layer.self_attn, name)))
head = nn.Linear({sizes}["hidden_size"], 2)
images = torch.randn(2, 3, 224, 224)
with torch.no_grad():
    logits = head(tower(images).pooler_output)
state = {{"module.backbone." + n: t for n, t in tower.state_dict().items()}}
state.update({{"module.head." + n: t for n, t in head.state_dict().items()}})
torch.save(state, "{path}")
torch.save({{"images": images, "logits": logits}}, "{images}")
"""


def _run(program: str) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr:
        pytest.skip("transformers lacks what it needs")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_gends_head_takes_embeddings_of_length_one() -> None:
    built = build_named("gend_clip_l14", "random")
    with torch.no_grad():
        raw = built.features(images()[:1])
        embedding = built.embed(raw)
        head = built.head(embedding)
        assert head is not None
        tokens = raw.tokens
        assert tokens is not None
        pooled = functional.normalize(tokens[:, 0], dim=1)  # the last norm is in the features
        weight, bias = built.model.head.weight, built.model.head.bias
        expected = pooled @ (weight[1] - weight[0]) + bias[1] - bias[0]
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(1))
    torch.testing.assert_close(head, expected, rtol=1e-4, atol=1e-5)
