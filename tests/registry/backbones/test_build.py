"""From names to backbones: which file is asked for, and where one is found without asking."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from registry.backbones.build import build_backbone
from registry.contracts.embedder import encoder_fingerprint
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError, PluginError
from registry.plugins.chosen import choose_backbone
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import BackboneSpec

PLUGINS = load_plugins()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sbi_effb4", "FFraw.tar or FFc23.tar, the pretrained weights of the repository"),
        ("xception", "xception_best.pth of DeepfakeBench"),
        ("vit_s16", "a state dict of timm's vit_small_patch16_224"),
        ("vit_b16", "a state dict of timm's vit_base_patch16_224"),
        ("timm/test_efficientnet", "a state dict of that timm model"),
    ],
)
def test_missing_weights_are_asked_for_by_name(name: str, file: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build_backbone(choose_backbone(PLUGINS, name), None, 0)
    told = str(refused.value)
    assert f"backbone {name!r} needs a weights file: {file}" in told
    assert "--weights random runs it untrained" in told
    assert "Ready without a file: " in told
    assert "sbi_efflite0" in told.partition("Ready without a file: ")[2]


def test_the_places_where_a_released_file_may_be_put_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(ConfigError) as refused:
        build_backbone(choose_backbone(PLUGINS, "sbi_effb4"), None, 0)
    places = f"Put it at {tmp_path / 'FFraw.tar'} or {tmp_path / 'FFc23.tar'} (`bench weights add"
    assert places in str(refused.value)


@pytest.mark.slow
def test_a_file_in_the_folder_for_weights_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    model = timm.create_model("legacy_xception", num_classes=2)
    torch.save(model.state_dict(), tmp_path / "xception_best.pth")
    backbone = build_backbone(choose_backbone(PLUGINS, "xception"), None, 0)
    assert backbone.weights == "xception_best.pth"
    direction = backbone.head_direction()
    assert direction is not None
    rows = model.get_classifier().weight.detach().numpy()
    assert direction == pytest.approx(rows[1] - rows[0])


def test_frames_are_taken_whole_at_the_backbones_own_size_where_asked_for() -> None:
    name = "timm/test_efficientnet"
    usual, whole = (
        build_backbone(choose_backbone(PLUGINS, name), "random", 0, crop_from=each)
        for each in ("auto", "frame")
    )
    assert usual.crop.name == "sbi"
    assert whole.crop == CropPolicy(name="frame", size=usual.crop.size, margin=0.0)
    assert encoder_fingerprint(usual, "float32") != encoder_fingerprint(whole, "float32")


class Fixed:
    """Everything that a backbone has by name, and a crop that is its own affair."""

    name, dim, mean_pooled, weights, weights_sha256, trained_on = "fixed", 1, True, "", "", ()
    features = embed = head = head_direction = to = print

    @property
    def crop(self) -> CropPolicy:
        return CropPolicy()


def test_a_backbone_whose_crop_cannot_be_set_is_a_plugin_error() -> None:
    spec = BackboneSpec(name="fixed", summary="s", build=lambda *_: Fixed())  # type: ignore[arg-type,return-value]
    with pytest.raises(PluginError, match=r"'fixed'.* failed: AttributeError"):
        build_backbone(
            choose_backbone(Plugins(records=(spec,)), "fixed"), None, 0, crop_from="frame"
        )
