"""Weights from a hub: asked for by name alone, taken from its real cache here, never fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from registry.backbones.build import build_backbone
from registry.backbones.hub import hub_name
from registry.errors import ConfigError, DataError
from registry.files import file_sha256
from registry.plugins.chosen import choose_backbone
from registry.plugins.discovery import load_plugins

ARCH = "test_efficientnet"
COMMIT = "0" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def keep(cache: Path, repository: str, file: str = "model.safetensors") -> Path:
    """A file of weights where the hub's own library keeps it; 7 classes."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    path = folder / "snapshots" / COMMIT / file
    path.parent.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    state = timm.create_model(ARCH, num_classes=7).state_dict()
    save_file(state, path) if file.endswith(".safetensors") else torch.save(state, path)
    return path


def build(weights: str) -> object:
    return build_backbone(choose_backbone(load_plugins(), f"timm/{ARCH}"), weights, 0)


def test_pretrained_is_timm_s_own_weights_of_the_model(cache: Path) -> None:
    own = timm.get_pretrained_cfg(ARCH)
    assert own is not None
    path = keep(cache, str(own.hf_hub_id))
    backbone = build("pretrained")
    assert backbone.weights == f"hf-hub:{own.hf_hub_id}"  # type: ignore[attr-defined]
    assert backbone.weights_sha256 == file_sha256(path)  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_any_repository_can_be_named(cache: Path, file: str) -> None:
    path = keep(cache, "somebody/forensic", file)
    backbone = build("hf-hub:somebody/forensic")
    assert backbone.weights_sha256 == file_sha256(path)  # type: ignore[attr-defined]


def test_what_cannot_be_fetched_is_one_sentence(cache: Path) -> None:
    with pytest.raises(DataError, match=r"no weights from hf-hub:somebody/else: .*--weights"):
        build("hf-hub:somebody/else")
    with pytest.raises(DataError, match="no weights from hf-hub:not a name"):
        build("hf-hub:not a name")


def test_weights_that_do_not_fit_are_told_as_of_any_file(cache: Path) -> None:
    path = keep(cache, "somebody/forensic")
    state = timm.create_model("test_resnet", num_classes=2).state_dict()
    save_file(state, path)
    with pytest.raises(DataError, match="does not fit"):
        build("hf-hub:somebody/forensic")


def test_a_model_without_weights_on_the_hub_says_so() -> None:
    assert hub_name("resnet18", "somewhere/file.pth") is None
    assert hub_name("resnet18", "random") is None
    without = next(name for name in timm.list_models() if not on_hub(name))
    with pytest.raises(ConfigError, match="no pretrained weights"):
        hub_name(without, "pretrained")


def on_hub(name: str) -> bool:
    own = timm.get_pretrained_cfg(name)
    return own is not None and bool(own.hf_hub_id)
