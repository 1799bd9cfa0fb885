"""Batch norms folded into convolutions: the same numbers, and never where they would not be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import timm
import torch
from torch import nn

from registry.backbones.folding import fold_batch_norms
from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.contracts.types import CropPolicy

SIZE = 64
IMAGES = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def trained(model: nn.Module) -> Any:
    """With norms that are not idle, as after training."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in norms(model):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.3, generator=rng)
            norm.running_var.uniform_(0.5, 2, generator=rng)
            norm.weight.uniform_(0.5, 1.5, generator=rng)
            norm.bias.normal_(0, 0.3, generator=rng)
    return model.eval()


def norms(model: nn.Module) -> Iterator[nn.BatchNorm2d]:
    return (each for each in model.modules() if isinstance(each, nn.BatchNorm2d))


def backbone(arch: str) -> TimmBackbone:
    made = WeightsOrigin(weights="random", weights_sha256="0" * 64)
    policy = CropPolicy(name="sbi", size=SIZE, margin=0.125)
    model = trained(timm.create_model(arch, num_classes=2))
    return TimmBackbone(arch, model, crop=policy, mean=(0.5,) * 3, std=(0.5,) * 3, provenance=made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "left"),
    [
        ("tf_efficientnet_lite0", 0),
        ("test_resnet", 0),
        ("legacy_xception", 0),
        ("densenet121", 62),  # those before the convolutions of dense layers stay
    ],
)
def test_a_folded_backbone_gives_the_same(arch: str, left: int) -> None:
    own = backbone(arch)
    expected = own.fine_features(IMAGES)  # with gradients: as it is
    with torch.inference_mode():
        found = own.fine_features(IMAGES)
        form = own._folded.of(own.model, IMAGES.device)
        maps = own.features(IMAGES).map
    assert sum(1 for _ in norms(form)) == left < sum(1 for _ in norms(own))
    assert (expected.fine is None) is (found.fine is None)
    pairs = [(expected.map, found.map), (expected.map, maps)]
    if expected.fine is not None and found.fine is not None:
        pairs.append((expected.fine, found.fine))
    for one, other in pairs:
        assert one.shape == other.shape
        assert 0 < float((one - other).norm()) < 1e-5 * float(one.norm())


def test_what_a_backbone_is_does_not_change() -> None:
    own = backbone("test_resnet")
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    count = sum(each.numel() for each in own.parameters())
    with torch.inference_mode():
        own.features(IMAGES)
    assert own._folded.of(own.model, IMAGES.device) is own.model  # gradients are on
    assert sum(each.numel() for each in own.parameters()) == count
    assert list(own.state_dict()) == list(before)
    assert all(torch.equal(own.state_dict()[name], tensor) for name, tensor in before.items())
    assert list(own.trainable(2, 0).weights()) == list(
        backbone("test_resnet").trainable(2, 0).weights()
    )


def test_weights_that_change_are_folded_anew() -> None:
    own = backbone("test_resnet")
    with torch.inference_mode():
        before = own.features(IMAGES).map
    with torch.no_grad():
        own.model.layer2[0].conv1.weight.mul_(-1)
    expected = own.features(IMAGES).map
    with torch.inference_mode():
        found = own.features(IMAGES).map
    assert not torch.allclose(found, before, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_hooks_and_half_precision_see_the_model_as_it_is() -> None:
    own, seen = backbone("test_resnet"), []
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            assert own._folded.of(own.model, IMAGES.device) is own.model
        handle = own.model.bn1.register_forward_hook(lambda *given: seen.append(given[-1]))
        own.features(IMAGES)
        handle.remove()
        own.features(IMAGES)
        assert own._folded.of(own.model, IMAGES.device) is not own.model
    assert len(seen) == 1


@pytest.mark.parametrize("arch", ["test_vit", "test_convnext"])
def test_without_batch_norms_nothing_is_copied(arch: str) -> None:
    made = WeightsOrigin(weights="random", weights_sha256="0" * 64)
    model = timm.create_model(arch, num_classes=2)
    size = model.pretrained_cfg["input_size"][-1]
    policy = CropPolicy(name="sbi", size=size, margin=0.125)
    own = TimmBackbone(arch, model, crop=policy, mean=(0.0,) * 3, std=(1.0,) * 3, provenance=made)
    with torch.inference_mode():
        assert own._folded.of(own.model, IMAGES.device) is own.model


class Layers(nn.Module):
    """conv, then batch norm, with something in between or beside."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=kind == "biased")
        self.norm = nn.BatchNorm2d(3, track_running_stats=kind != "of the batch")

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        made = self.conv(images)
        if self.kind == "changed in place":
            made.relu_()
        normed: torch.Tensor = self.norm(made)
        if self.kind == "twice":
            normed = self.norm(self.conv(normed))
        return normed + made if self.kind == "read twice" else normed


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        ("plain", True),
        ("biased", True),
        ("changed in place", False),
        ("twice", False),
        ("read twice", False),
        ("of the batch", False),
    ],
)
def test_only_a_norm_right_after_a_convolution_of_its_own_is_folded(kind: str, done: bool) -> None:
    torch.manual_seed(0)
    model: Any = Layers(kind)
    if kind == "of the batch":
        model.eval()
    else:
        trained(model)
    with torch.no_grad():
        expected = model.forward_features(IMAGES)
        assert fold_batch_norms(model, lambda: model.forward_features(IMAGES)) is done
        if done:
            assert isinstance(model.norm, nn.Identity)
            torch.testing.assert_close(model.forward_features(IMAGES), expected)


def test_a_backbone_that_cannot_be_folded_is_run_as_it_is() -> None:
    own = backbone("test_resnet")
    own.model.conv1 = ReadTwice(own.model.conv1)
    expected = own.features(IMAGES).map
    with torch.inference_mode():
        assert own._folded.of(own.model, IMAGES.device) is own.model
        assert torch.equal(own.features(IMAGES).map, expected)


class ReadTwice(nn.Module):
    """A stem whose first convolution's output is read by more than the norm after it."""

    def __init__(self, stem: nn.Sequential) -> None:
        super().__init__()
        self.first, self.rest = stem[0], stem[1:]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.first(images)
        normed: torch.Tensor = self.rest(made)
        return normed + made.mean()
