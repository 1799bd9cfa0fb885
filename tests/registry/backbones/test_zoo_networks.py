"""UCF and LSDA of DeepfakeBench: their layers behind the network give the logits of their rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from registry.builtin.backbones import build_named
from registry.cli import main
from registry.errors import DataError
from tests.shared.released_networks import calibrate, images

State = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def under(prefix: str, module: nn.Module) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}


def agrees(name: str, path: Path, batch: torch.Tensor, logits: torch.Tensor) -> Any:
    backbone = build_named(name, str(path), 0)
    with torch.no_grad():
        found = backbone.head(backbone.embed(backbone.features(batch)))
    assert (logits[0] - logits[1]).abs().max() > 1e-3  # the images matter
    expected = logits.softmax(1)[:, 1]
    torch.testing.assert_close(found.sigmoid(), expected, rtol=0, atol=1e-5)
    return backbone


def convolutions(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 256, 1), nn.LeakyReLU(),
        nn.Conv2d(256, 256, 1), nn.LeakyReLU(), nn.Conv2d(256, 256, 1),
    )  # fmt: skip


def xception_names(state: State) -> State:
    return {name.replace("fc.", "last_linear."): tensor for name, tensor in state.items()}


@pytest.mark.slow
def test_ucf_scores_with_the_block_and_the_head_of_what_methods_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = timm.create_model("legacy_xception", num_classes=2)
    batch = images(256)
    calibrate(encoder, batch * 2 - 1)
    encoder.act4 = nn.Identity()  # its features are those before the last activation
    adjust = nn.Sequential(nn.Conv2d(2048, 512, 1), nn.BatchNorm2d(512), nn.ReLU()).eval()
    shared, spare = convolutions(512), convolutions(512)
    mlp = nn.Sequential(nn.Linear(256, 512), nn.LeakyReLU(), nn.Linear(512, 2))
    mlp[2].weight.data *= 20  # fresh layers make little of an image
    with torch.no_grad():
        logits = mlp(shared(adjust(encoder.forward_features(batch * 2 - 1))).mean((2, 3)))
    state = xception_names(under("encoder_f.", encoder)) | under(
        "encoder_f.adjust_channel.", adjust
    )
    state |= under("encoder_c.", nn.Linear(2, 2)) | under("block_sha.conv2d.", shared)
    state |= under("block_spe.conv2d.", spare) | under("head_sha.mlp.", mlp)
    state |= under("head_spe.mlp.", mlp) | under("con_gan.conv_last.", nn.Conv2d(2, 2, 1))
    path = tmp_path / "ucf_best.pth"
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    backbone = agrees("dfb_ucf", path, batch, logits)
    assert (backbone.dim, backbone.mean_pooled) == (512, False)
    assert backbone.head_direction().shape == (512,)
    assert main(["weights", "inspect", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"].startswith("a DeepfakeBench UCF (")
    assert said["backbones"] == ["dfb_ucf"]


@pytest.mark.slow
def test_lsda_scores_with_its_student(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = pytest.importorskip("efficientnet_pytorch")
    student = package.EfficientNet.from_name("efficientnet-b4")
    batch = images(256)
    calibrate(student, batch * 2 - 1)
    conv = nn.Conv2d(1792, 512, 1)
    mlp = nn.Sequential(nn.Linear(512, 512), nn.LeakyReLU(), nn.Linear(512, 2))
    with torch.no_grad():
        logits = mlp(conv(student.extract_features(batch * 2 - 1)).mean((2, 3)))
    state = under("student_encoder.model.", student) | under("student_encoder.conv.", conv)
    state |= {
        f"binary_classifier.{2 + int(name[0])}{name[1:]}": tensor
        for name, tensor in mlp.state_dict().items()
    }
    state |= under("encoder_c.", nn.Linear(2, 2)) | under("encoders_f.0.conv.", conv)
    path = tmp_path / "lsda_best.pth"
    torch.save({f"model.{name}": tensor for name, tensor in state.items()}, path)
    agrees("dfb_lsda", path, batch, logits)
    assert main(["weights", "inspect", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["backbones"], said["classes"]) == (["dfb_lsda"], 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beside", "name"),
    [
        (
            ("synthesizer.fc.weight", "backbone.type_fc.weight", "backbone.map.c.conv1.weight"),
            "SLADD",
        ),
        (("PCL.theta.weight", "PCL.phi.weight", "backbone.mag_fc.weight"), "PCL"),
    ],
)
def test_what_sladd_and_pcl_trained_beside_their_xception_is_left_out(
    beside: tuple[str, ...], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = timm.create_model("legacy_xception", num_classes=2)
    own = xception_names(under("backbone.", source))
    torch.save(own | {each: torch.zeros(2, 2) for each in beside}, tmp_path / "best.pth")
    backbone = build_named("dfb_xception", str(tmp_path / "best.pth"), 0)
    torch.testing.assert_close(backbone.model.fc.weight, source.fc.weight)
    assert main(["weights", "inspect", str(tmp_path / "best.pth"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"].startswith(f"a DeepfakeBench {name} (when it scores it is an Xception")
    assert said["backbones"][0] == "dfb_xception"


@pytest.mark.slow
def test_a_mask_inside_of_an_xception_is_not_left_out_silently(tmp_path: Path) -> None:
    """FFD's map stands beside its backbone, SLADD's in it."""
    own = xception_names(under("backbone.", timm.create_model("legacy_xception", num_classes=2)))
    torch.save(own | {"map.c.conv1.weight": torch.zeros(2, 2)}, tmp_path / "ffd_best.pth")
    with pytest.raises(DataError, match=r"unexpected \(map\.c\..*FFD, which no backbone takes"):
        build_named("dfb_xception", str(tmp_path / "ffd_best.pth"), 0)


@pytest.mark.parametrize(("name", "due"), [("dfb_ucf", "UCF"), ("dfb_lsda", "LSDA")])
def test_another_file_says_what_it_looks_like(name: str, due: str, tmp_path: Path) -> None:
    torch.save({"backbone.block1.rep.0.weight": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(DataError, match=rf"not a DeepfakeBench {due} but an Xception"):
        build_named(name, str(tmp_path / "x.pth"), 0)


@pytest.mark.slow
def test_layers_of_random_weights_are_of_their_seed_alone() -> None:
    before = torch.get_rng_state()
    one = build_named("dfb_ucf", "random", 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    assert build_named("dfb_ucf", "random", 3).weights_sha256 == one.weights_sha256
    assert build_named("dfb_ucf", "random", 4).weights_sha256 != one.weights_sha256


@pytest.mark.slow
def test_sbi_and_efficientnetb4_are_one_network_fed_otherwise() -> None:
    one, other = build_named("dfb_effb4", "random", 0), build_named("dfb_sbi_effb4", "random", 0)
    assert one.weights_sha256 == other.weights_sha256
    assert one.mean.flatten().tolist() == [0.5] * 3
    assert other.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert other.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])
