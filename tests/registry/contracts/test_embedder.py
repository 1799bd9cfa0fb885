from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from registry.backbones.device import resolve_device
from registry.contracts.embedder import Embedder
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy, Features
from registry.errors import ConfigError

SIZE = 12


class Net(nn.Module):
    """A backbone of one convolution; it notes what it is given."""

    mean_pooled = True
    weights = "made up"
    trained_on: tuple[Training, ...] = ()

    def __init__(self, *, has_head: bool = True) -> None:
        super().__init__()
        self.name, self.dim = "net", 5
        self.crop = CropPolicy(size=SIZE)
        self.weights_sha256 = "a" * 64
        self.has_head = has_head
        self.seen: list[torch.Tensor] = []
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, self.dim, 3)
            self.fc = nn.Linear(self.dim, 1)

    def features(self, images: torch.Tensor) -> Features:
        self.seen.append(images)
        return Features(self.conv(images))

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean((2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return self.fc(embedding)[:, 0] if self.has_head else None

    def head_direction(self) -> NDArray[np.float64] | None:
        return None


def crops(count: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def expected_embeddings(net: Net, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The convolution's mean by hand: each weight times the mean of the pixels it meets."""
    weight = net.conv.weight.detach().double().numpy()
    bias = net.conv.bias.detach().double().numpy() if net.conv.bias is not None else 0.0
    pixels = images.astype(np.float64) / 255
    found = np.zeros((len(images), net.dim))
    for row in range(3):
        for column in range(3):
            met = pixels[:, row : row + SIZE - 2, column : column + SIZE - 2].mean((1, 2))  # (B, 3)
            found += met @ weight[:, :, row, column].T
    return found + bias


def test_embeddings_are_those_of_rgb_divided_by_255() -> None:
    net, images = Net(), crops(4)
    embeddings = Embedder(net)(images)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, expected_embeddings(net, images), atol=1e-6)


def test_a_backbone_sees_channels_last_float_images_without_a_gradient() -> None:
    net = Net()
    Embedder(net)(crops(2))
    (images,) = net.seen
    assert images.shape == (2, 3, SIZE, SIZE)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.is_inference()
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batches_are_no_larger_than_asked_and_change_nothing(batch_size: int) -> None:
    net, images = Net(), crops(7)
    found = Embedder(net, batch_size=batch_size)(images)
    assert [len(batch) for batch in net.seen] == [
        min(batch_size, 7 - start) for start in range(0, 7, batch_size)
    ]
    np.testing.assert_allclose(found, Embedder(Net())(images), atol=1e-6)


def test_no_crops_give_no_embeddings() -> None:
    assert Embedder(Net())(crops(0)).shape == (0, 5)


def test_the_images_are_left_alone_and_may_be_read_only() -> None:
    images = crops(2)
    kept = images.copy()
    images.flags.writeable = False
    Embedder(Net())(images[:, ::-1])
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize(
    "images",
    [
        crops(2)[:, :, :-1],
        crops(2)[0],
        crops(2)[..., :1],
        crops(2).astype(np.float32),
    ],
    ids=["size", "single", "grey", "float"],
)
def test_crops_of_another_kind_are_refused_with_both_shapes(images: NDArray[Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        Embedder(Net())(images)
    assert "backbone 'net' takes crops (B, 12, 12, 3) of uint8" in str(refused.value)
    assert str(images.shape) in str(refused.value)


def test_a_nan_embedding_is_left_for_the_caller_to_see() -> None:
    net, images = Net(), crops(3)
    images[1] = 255
    embed = net.embed

    def poisoned(features: Features) -> torch.Tensor:
        found = embed(features)
        found[1] = torch.nan
        return found

    net.embed = poisoned  # type: ignore[method-assign]
    found = Embedder(net)(images)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


def test_bfloat16_is_coarser_and_comes_back_as_float32() -> None:
    images = crops(3)
    exact = Embedder(Net())(images)
    coarse = Embedder(Net(), precision="bfloat16")(images)
    assert coarse.dtype == np.float32
    assert not np.array_equal(coarse, exact)
    np.testing.assert_allclose(coarse, exact, atol=0.02)


# --- logits ------------------------------------------------------------------------------------


def test_logits_are_the_head_of_the_embeddings() -> None:
    net = Net()
    embedder = Embedder(net)
    embeddings = embedder(crops(4))
    logits = embedder.logits(embeddings)
    weight = net.fc.weight.detach().double().numpy()[0]
    assert logits is not None
    assert logits.dtype == np.float64
    np.testing.assert_allclose(
        logits, embeddings.astype(np.float64) @ weight + net.fc.bias.item(), atol=1e-6
    )


def test_a_backbone_without_head_gives_no_logits() -> None:
    assert Embedder(Net(has_head=False)).logits(np.zeros((2, 5), np.float32)) is None


# --- identity ----------------------------------------------------------------------------------


def renamed(net: Net, **changes: Any) -> Net:
    for name, value in changes.items():
        setattr(net, name, value)
    return net


def test_equal_encoders_have_equal_fingerprints() -> None:
    assert Embedder(Net()).encoder == Embedder(Net(), batch_size=3).encoder
    assert len(Embedder(Net()).encoder) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"weights_sha256": "b" * 64},
        {"crop": CropPolicy(size=SIZE, margin=0.2)},
        {"crop": CropPolicy(size=SIZE + 1)},
        {"crop": CropPolicy(name="aligned", size=SIZE)},
    ],
)
def test_a_fingerprint_follows_all_that_decides_an_embedding(changes: dict[str, Any]) -> None:
    assert Embedder(renamed(Net(), **changes)).encoder != Embedder(Net()).encoder


def test_a_fingerprint_follows_the_precision() -> None:
    assert Embedder(Net(), precision="bfloat16").encoder != Embedder(Net()).encoder


def test_a_crop_policy_built_again_keeps_the_fingerprint() -> None:
    net = renamed(Net(), crop=replace(CropPolicy(size=1), size=SIZE))
    assert Embedder(net).encoder == Embedder(Net()).encoder


# --- options -----------------------------------------------------------------------------------


def test_an_unknown_precision_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'bfloat'; did you mean 'bfloat16'"):
        Embedder(Net(), precision="bfloat")


def test_a_batch_holds_at_least_one_crop() -> None:
    with pytest.raises(ConfigError, match="batch_size is 0; it must be at least 1"):
        Embedder(Net(), batch_size=0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    def has(*, cuda: int, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


@pytest.mark.parametrize(
    ("cuda", "mps", "picked"), [(2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_is_the_fastest_device_there_is(
    machine: Any, cuda: int, mps: bool, picked: str
) -> None:
    machine(cuda=cuda, mps=mps)
    assert resolve_device("auto") == picked


def test_a_device_that_is_there_is_taken_by_name(machine: Any) -> None:
    machine(cuda=2, mps=False)
    assert [resolve_device(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda:1"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cuda:1", "device 'cuda:1' is not available .* available: cpu, cuda, cuda:0"),
        ("mps", "device 'mps' is not available"),
        ("gpu", "device is 'gpu'; .*known: auto, cpu, cuda, mps, and cuda:N"),
        ("cuda:x", "device is 'cuda:x'"),
        ("cpu:0", "device is 'cpu:0'"),
        ("", "device is ''"),
    ],
)
def test_a_device_that_is_not_there_is_answered_with_those_that_are(
    machine: Any, name: str, told: str
) -> None:
    machine(cuda=1, mps=False)
    with pytest.raises(ConfigError, match=told):
        resolve_device(name)
