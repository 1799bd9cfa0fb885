from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import timm
import torch

from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.contracts.backbone import FineBackbone
from registry.contracts.embedder import Embedder
from registry.contracts.types import CropPolicy, Features
from registry.errors import ConfigError


def backbone(arch: str, size: int = 64) -> TimmBackbone:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = {"img_size": size} if "vit" in arch or "swin" in arch else {}
        model = timm.create_model(arch, pretrained=False, num_classes=2, **settings)
    return TimmBackbone(
        arch,
        model,
        crop=CropPolicy(size=size),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        provenance=WeightsOrigin(weights="random", weights_sha256="a" * 64),
    )


def images(size: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arch", ["test_resnet", "test_efficientnet", "test_convnext", "legacy_xception"]
)
def test_the_fine_map_is_the_stage_of_stride_16_of_the_same_pass(arch: str) -> None:
    net = backbone(arch)
    if not hasattr(net.model, "forward_intermediates"):
        pytest.skip(f"this version of timm does not give the stages of {arch}")
    found = net.fine_features(images())
    _, stages = net.model.forward_intermediates((images() - 0.5) / 0.25)
    expected = next(each for each in stages if each.shape[-1] == 4)
    assert found.fine is not None
    assert torch.equal(found.fine, expected)
    assert torch.equal(found.map, net.features(images()).map)


@pytest.mark.slow
@torch.inference_mode()
def test_a_fine_map_comes_channels_first() -> None:
    net = backbone("swin_tiny_patch4_window7_224", 224)
    found = net.fine_features(images(224))
    assert found.map.shape == (2, 768, 7, 7)
    assert found.fine is not None
    assert found.fine.shape == (2, 384, 14, 14)


@pytest.mark.slow
@torch.inference_mode()
def test_patch_tokens_are_as_fine_as_they_come() -> None:
    found = backbone("test_vit").fine_features(images())
    assert found.fine is None
    assert found.map.shape[2:] == (4, 4)


@pytest.mark.slow
@torch.inference_mode()
def test_asking_for_the_fine_map_leaves_nothing_behind() -> None:
    net = backbone("test_resnet")
    net.fine_features(images())
    assert not any(module._forward_hooks for module in net.modules())
    assert net.features(images()).fine is None


def test_an_embedder_gives_embeddings_and_the_finest_map_of_every_crop() -> None:
    net = backbone("test_resnet")
    crops = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    assert isinstance(net, FineBackbone)
    embedder = Embedder(net, batch_size=2)
    embeddings, maps = embedder.with_map(crops)
    np.testing.assert_array_equal(embeddings, embedder(crops))
    with torch.inference_mode():
        fine = net.fine_features(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255).fine
    assert fine is not None
    np.testing.assert_allclose(maps, fine.numpy(), rtol=1e-4, atol=1e-5)


def test_an_embedder_gives_the_last_map_of_a_backbone_that_has_no_finer_one() -> None:
    net = backbone("test_vit")
    crops = np.zeros((1, 64, 64, 3), np.uint8)
    _, maps = Embedder(net).with_map(crops)
    assert maps.shape == (1, net.dim, 4, 4)


def test_an_embedder_has_no_map_of_no_crops() -> None:
    with pytest.raises(ConfigError, match="at least one crop"):
        Embedder(backbone("test_resnet")).with_map(np.zeros((0, 64, 64, 3), np.uint8))


@pytest.mark.slow
@torch.inference_mode()
def test_two_passes_at_once_each_see_their_own_fine_map() -> None:
    net = backbone("test_efficientnet")
    alone = [net.fine_features(image[None]) for image in images()]
    both_inside = Barrier(2, timeout=30)

    def wait(*_: object) -> None:
        both_inside.wait()

    net.model.conv_stem.register_forward_hook(wait)

    def one(image: torch.Tensor) -> Features:
        with torch.inference_mode():
            return net.fine_features(image[None])

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, images()))
    for each, expected in zip(found, alone, strict=True):
        assert each.fine is not None
        assert expected.fine is not None
        torch.testing.assert_close(each.fine, expected.fine, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(each.map, expected.map, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found[0].fine, found[1].fine, rtol=1e-4, atol=1e-4)
