"""Convolutions with their padding and activation: the same numbers, whatever the network does."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from registry.backbones import fusing
from registry.backbones.frozen_padding import freeze_padding
from registry.backbones.fusing import FusedConv, PaddedKernel, can_fuse, fused
from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.contracts.types import CropPolicy

pytestmark = pytest.mark.skipif(not can_fuse(), reason="torch without oneDNN")
IMAGES = torch.rand(2, 3, 33, 40, generator=torch.Generator().manual_seed(1))


class Layers(nn.Module):
    """A few layers, and what is done with them."""

    def __init__(self, *layers: nn.Module, twice: bool = False, beside: bool = False) -> None:
        super().__init__()
        self.layers, self.twice, self.beside = nn.ModuleList(layers), twice, beside
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first, *rest = self.layers
        made = output = first(images)
        for layer in rest:
            output = layer(output)
        if self.twice:
            output = self.layers[-1](output - 1)
        return output + made if self.beside else output


def run(model: Any) -> torch.Tensor:
    output: torch.Tensor = model(IMAGES)
    return output


def kinds(model: nn.Module) -> list[type[nn.Module]]:
    assert isinstance(model.layers, nn.ModuleList)
    return [type(each) for each in model.layers]


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.ReLU6(inplace=True), nn.SiLU(), nn.Hardswish(inplace=True)],
    ids=lambda each: type(each).__name__,
)
def test_an_activation_after_a_convolution_is_one_step_with_it(activation: nn.Module) -> None:
    torch.manual_seed(0)
    model = Layers(nn.Conv2d(3, 6, 3, padding=1, groups=3), activation, nn.Conv2d(6, 4, 1))
    with torch.no_grad():
        model.layers[0].weight.mul_(20)  # type: ignore[operator,union-attr] # also beyond 6
    form = fused(model, run)
    assert kinds(form) == [FusedConv, nn.Identity, FusedConv]
    expected = run(model)
    torch.testing.assert_close(run(form), expected, rtol=1e-5, atol=1e-5)
    one = form(IMAGES[:1, :, :20, :20])  # weights were laid for another shape
    torch.testing.assert_close(one, model(IMAGES[:1, :, :20, :20]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kind", ["same", "frozen"])
def test_padding_becomes_part_of_the_kernel(kernel: int, stride: int, kind: str) -> None:
    """Both for the size that it was found for and for others."""
    torch.manual_seed(0)
    model: Any = Layers(Conv2dSame(3, 4, kernel, stride), nn.ReLU())
    if kind == "frozen":
        freeze_padding(model, 33)
    form = fused(model, run)
    assert isinstance(form.layers, nn.ModuleList)
    (first, _) = form.layers
    assert isinstance(first, FusedConv)
    assert isinstance(first.conv, PaddedKernel)
    with torch.no_grad():
        torch.testing.assert_close(run(form), run(model), rtol=1e-5, atol=1e-6)
        for side in (32, 34, 35):
            images = torch.rand(1, 3, side, side + 1)
            torch.testing.assert_close(form(images), model(images), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_one_step_stays_as_it_is() -> None:
    torch.manual_seed(0)
    dilated = Layers(Conv2dSame(3, 4, 3, 2, dilation=2), nn.ReLU())
    assert kinds(fused(dilated, run)) == [Conv2dSame, nn.ReLU]
    mirrored = Layers(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU())
    assert kinds(fused(mirrored, run)) == [nn.Conv2d, nn.ReLU]
    shared = Layers(nn.Conv2d(3, 4, 3), nn.ReLU(), twice=True)
    assert kinds(fused(shared, run)) == [FusedConv, nn.ReLU]
    torch.testing.assert_close(run(fused(shared, run)), run(shared))
    read_twice = Layers(nn.Conv2d(3, 4, 3), nn.ReLU(), beside=True)
    assert fused(read_twice, run) is read_twice


def test_a_layer_that_asks_for_weights_that_are_not_there_leaves_all_as_it_is() -> None:
    class Asking(Layers):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) * self.layers[0].weight.mean()  # type: ignore[operator,union-attr]

    model = Asking(nn.Conv2d(3, 4, 3), nn.ReLU())
    assert fused(model, run) is model


def test_a_build_of_torch_without_the_operators_runs_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fusing, "can_fuse", lambda: False)
    model = Layers(nn.Conv2d(3, 4, 3), nn.ReLU())
    assert fused(model, run) is model


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["tf_efficientnet_lite0", "test_efficientnet", "test_resnet"])
def test_a_network_gives_the_same_and_can_be_copied(arch: str) -> None:
    origin = WeightsOrigin(weights="random", weights_sha256="0" * 64)
    policy = CropPolicy(name="sbi", size=64, margin=0.125)
    model = timm.create_model(arch, num_classes=2)
    own = TimmBackbone(arch, model, crop=policy, mean=(0.5,) * 3, std=(0.5,) * 3, provenance=origin)
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    expected = own.embed(own.features(images))  # with gradients: as it is
    with torch.inference_mode():
        found = own.embed(own.features(images))
        form = own._folded.of(own.model, images.device)
        again = copy.deepcopy(own)
        copied = again.embed(again.features(images))
    assert any(isinstance(each, FusedConv) for each in form.modules())
    assert not any(type(each) is Conv2dSame for each in set(form.modules()) - _whole(form))
    assert float((found - expected).norm()) <= 2e-6 * float(expected.norm())
    assert torch.equal(found, copied)


def _whole(form: nn.Module) -> set[nn.Module]:
    """What images of another size go to."""
    return {each.whole for each in form.modules() if isinstance(each, PaddedKernel)}
