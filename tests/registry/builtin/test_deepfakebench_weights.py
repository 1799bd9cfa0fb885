"""DeepfakeBench's own networks: their padding, their heads, and which file is which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from registry.backbones.frozen_padding import FrozenPadding, freeze_padding
from registry.builtin.backbones import build_named
from registry.cli import main
from registry.contracts.types import CropPolicy
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


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Networks are drawn anew in every test, and the same ones every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


ALIGNED = CropPolicy(name="deepfakebench", size=256, margin=0.3)


def dfb_file(path: Path, classes: int) -> Path:
    """A checkpoint of `efficientnetb4` with calibrated random weights, under its names."""
    source = timm.create_model("tf_efficientnet_b4", num_classes=classes)
    calibrate(source, images(256) * 2 - 1)
    names = effnet_pytorch_names(deepened(SCALES["b4"]))
    state = {}
    for name, tensor in zip(names, source.state_dict().values(), strict=True):
        theirs = name.replace("_fc.", "last_layer.")
        inner = "" if theirs.startswith("last_layer") else "efficientnet."
        state[f"backbone.{inner}{theirs}"] = tensor
    torch.save(state, path)
    return path


def dfb_reference(package: object, path: Path, classes: int) -> nn.Module:
    """The network as the benchmark builds it: a plain stem and a head of its own."""
    state = torch.load(path, weights_only=True)
    net = package.EfficientNet.from_name("efficientnet-b4")  # type: ignore[attr-defined]
    net._conv_stem = nn.Conv2d(3, 48, kernel_size=3, stride=2, bias=False)
    net._fc = nn.Identity()
    prefix = "backbone.efficientnet."
    own = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    net.load_state_dict(own)
    head = nn.Linear(1792, classes)
    head.load_state_dict({n: state[f"backbone.last_layer.{n}"] for n in ("weight", "bias")})

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.head = net, head

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            features = self.net.extract_features(batch)
            logits: torch.Tensor = self.head(features.mean((2, 3)))
            return logits

    return Whole().eval()


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3])
def test_efficientnetb4_gives_the_logits_of_the_network_it_came_from(
    tmp_path: Path, classes: int
) -> None:
    """In double precision: the two libraries sum in different orders, and thirty layers of fresh
    weights make of float32's rounding up to 2e-4, more or less of it with other weights.
    """
    package = pytest.importorskip("efficientnet_pytorch")
    path = dfb_file(tmp_path / "effnb4_best.pth", classes)
    backbone = build_named("dfb_effb4", str(path), 0).double()
    assert backbone.crop == ALIGNED
    batch = images(256).double()
    expected = outputs(dfb_reference(package, path, classes).double(), batch * 2 - 1)
    if classes == 2:
        agree(backbone, batch, expected, 1e-5)
    with torch.inference_mode():
        found = backbone.head(backbone.embed(backbone.features(batch)))
    assert found is not None
    torch.testing.assert_close(found.sigmoid(), expected.softmax(1)[:, 1], rtol=0, atol=1e-5)
    assert (backbone.head_direction() is None) == (classes == 3)


def test_frozen_padding_is_that_of_the_named_size_and_not_of_the_input() -> None:
    """At 380 px the four strided convolutions see 190, 95, 48 and 24 pixels (TensorFlow's rule)."""
    model = timm.create_model("tf_efficientnet_b4", num_classes=2).eval()
    freeze_padding(model, 380)
    found = {n: m.frozen for n, m in model.named_modules() if isinstance(m, FrozenPadding)}
    assert found == {
        "conv_stem": (0, 1, 0, 1),
        "blocks.1.0.conv_dw": (0, 1, 0, 1),
        "blocks.2.0.conv_dw": (2, 2, 2, 2),
        "blocks.3.0.conv_dw": (0, 1, 0, 1),
        "blocks.5.0.conv_dw": (1, 2, 1, 2),
    }
    stem, batch = model.conv_stem, images(64)
    expected = functional.conv2d(functional.pad(batch, (0, 1, 0, 1)), stem.weight, stride=2)
    torch.testing.assert_close(stem(batch), expected)


def test_freezing_at_the_inputs_own_size_changes_nothing() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("tf_efficientnet_lite0", num_classes=2).eval()
    before = outputs(model, images(96))
    freeze_padding(model, 96)
    torch.testing.assert_close(outputs(model, images(96)), before)


@pytest.mark.slow
def test_either_xception_takes_the_same_file(tmp_path: Path) -> None:
    source = timm.create_model("legacy_xception", num_classes=2)
    path = tmp_path / "xception_best.pth"
    theirs = {
        f"backbone.{n.replace('fc.', 'last_linear.')}": t for n, t in source.state_dict().items()
    }
    torch.save(theirs, path)
    one = build_named("xception", str(path), 0)
    other = build_named("dfb_xception", str(path), 0)
    assert one.weights_sha256 == other.weights_sha256
    assert (one.crop.name, other.crop) == ("sbi", ALIGNED)


def test_a_checkpoint_of_the_wrong_kind_says_what_it_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "some.pth"
    torch.save(timm.create_model("legacy_xception", num_classes=2).state_dict(), path)
    expected = (
        r"some\.pth as weights of .* not a DeepfakeBench efficientnetb4 but an Xception .*; pass"
    )
    with pytest.raises(DataError, match=expected):
        build_named("dfb_effb4", str(path), 0)


def test_an_efficientnet_is_named_where_an_xception_is_due(tmp_path: Path) -> None:
    path = tmp_path / "effnb4_best.pth"
    names = ("efficientnet._conv_stem.weight", "efficientnet._bn0.weight", "last_layer.weight")
    torch.save({f"backbone.{name}": torch.zeros(2, 3) for name in names}, path)
    with pytest.raises(DataError, match="looks like a DeepfakeBench efficientnetb4"):
        build_named("dfb_xception", str(path), 0)


# --- bench weights inspect ---------------------------------------------------------------------


@pytest.mark.slow
def test_inspect_names_kind_backbone_classes_and_sha256(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = dfb_file(tmp_path / "effnb4_best.pth", 3)
    assert main(["weights", "inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"].startswith("a DeepfakeBench efficientnetb4")
    assert found["backbones"] == ["dfb_effb4", "dfb_sbi_effb4"]
    assert (found["classes"], found["tensors"]) == (3, 706)
    model = timm.create_model("tf_efficientnet_b4", num_classes=3)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    assert found["bytes"] == path.stat().st_size
    assert main(["weights", "inspect", str(path)]) == 0
    assert "dfb_effb4" in capsys.readouterr().out


def test_inspect_knows_what_a_fit_wrote_from_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted = tmp_path / "fitted.safetensors"
    save_file({"basis": torch.zeros(2)}, fitted, metadata={"some-package artefact": "{}"})
    assert main(["weights", "inspect", str(fitted)]) == 0
    said = capsys.readouterr().out
    assert "an artefact of `bench fit`" in said
    assert "pass it to `bench eval --artefact`" in said


def test_inspect_runs_no_code_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = tmp_path / "trap"
    path = tmp_path / "evil.pt"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            import os

            return os.mkdir, (str(trap),)

    torch.save({"model": Evil()}, path)
    assert main(["weights", "inspect", str(path)]) == 2
    assert "run code from the file" in capsys.readouterr().err
    assert not trap.exists()


@pytest.mark.slow
def test_resnet34_gives_the_logits_of_the_network_it_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CNN-Aug: torchvision's network as a sequence of all children but the last two."""
    torchvision = pytest.importorskip("torchvision")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        source = torchvision.models.resnet34(weights=None).eval()
        head = nn.Linear(512, 2)
    trunk = nn.Sequential(*list(source.children())[:-2])
    state = {f"backbone.resnet.{name}": tensor for name, tensor in trunk.state_dict().items()}
    state |= {f"backbone.fc.{name}": tensor for name, tensor in head.state_dict().items()}
    path = tmp_path / "cnnaug_best.pth"
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    backbone = build_named("dfb_resnet34", str(path), 0)
    assert backbone.crop == ALIGNED
    batch = images(256)
    with torch.no_grad():
        logits = head(trunk(batch * 2 - 1).mean((2, 3)))
        found = backbone.head(backbone.embed(backbone.features(batch)))
    torch.testing.assert_close(found, logits[:, 1] - logits[:, 0], rtol=1e-3, atol=1e-4)
    assert main(["weights", "inspect", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == "a DeepfakeBench resnet34 (CNN-Aug)"
    assert (said["backbones"], said["classes"]) == (["dfb_resnet34"], 2)
