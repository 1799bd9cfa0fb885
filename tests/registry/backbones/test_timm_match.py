"""A state dict is recognised as a timm model's by names and shapes, without reading weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch

from registry.backbones.timm_match import timm_matches
from registry.cli import main


def state(name: str, classes: int = 2) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return dict(timm.create_model(name, num_classes=classes).state_dict())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "resnet10t",
        "resnet18",
        "mobilenetv3_small_100",
        "convnext_atto",
        "vit_tiny_patch16_224",
        "swin_tiny_patch4_window7_224",
    ],
)
def test_a_model_of_each_family_is_found_first(name: str) -> None:
    assert next(timm_matches(state(name))) == name


def test_other_shapes_and_other_names_fit_nothing() -> None:
    changed = state("resnet10t")
    changed["layer1.0.conv1.weight"] = torch.empty(1, device="meta")
    assert list(timm_matches(changed)) == []
    assert list(timm_matches({"own.weight": torch.empty(2, 2)})) == []


@pytest.mark.slow
def test_inspect_suggests_it_where_no_other_backbone_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.pth"
    torch.save(timm.create_model("resnet10t", num_classes=2).state_dict(), path)
    assert main(["weights", "inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backbones"] == ["timm/resnet10t"]
