"""The detector as one file, run where this package cannot be imported."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lesb_plugin.export import standalone_file
from lesb_plugin.export.network import FUSIONS, LesbNetwork
from lesb_plugin.export.source import load_source
from lesb_plugin.export.standalone_file import network_steps
from registry import ConfigError
from registry.cli import main
from registry.plugins.discovery import load_plugins
from tests.shared.random_lesb import BACKBONE, backbone, fitted, pictures, save_artefact

STAND_IN = Path(__file__).with_name("stand_in") / "training"
# What torch 1.12 and numpy 1.21 have of what the file asks for, by their documentation.
TORCH_1_12 = {
    "float32", "int64", "nn", "sigmoid", "stack", "tensor", "where", "zeros", "zeros_like",
}  # fmt: skip
FUNCTIONAL = {"pad", "conv2d", "batch_norm", "relu", "relu6", "silu", "max_pool2d"}
NUMPY_1_21 = {"argmin", "abs", "concatenate", "int64", "nan", "unique"}

_SCORE = """
import sys, json
sys.modules["registry"] = sys.modules["lesb_plugin"] = None  # neither can be imported
sys.path.insert(0, sys.argv[1])
import numpy, torch, yaml
from detectors import DETECTOR
from detectors.lesb_detector import LesbDetector
config = yaml.safe_load(open(sys.argv[2] + "/lesb.yaml"))
model = DETECTOR["lesb"](config).eval()
model.load_state_dict(torch.load(sys.argv[2] + "/lesb.pth"), strict=True)
images = torch.from_numpy(numpy.load(sys.argv[3]))
data = {"image": images, "label": torch.tensor([0, 1, 4])}
with torch.no_grad():
    found = model(data, inference=True)
metrics = model.get_test_metrics()
said = {key: value.tolist() for key, value in found.items()}
said["acc"], said["label"] = metrics["acc"], metrics["label"].tolist()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_artefact(tmp_path_factory.mktemp("fitted"))


def export(artefact: Path, out: Path, *more: str) -> int:
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    return main(["export", "deepfakebench", "--standalone", *asked, "--out", str(out), *more])


def score(checkout: Path, exported: Path, images: torch.Tensor) -> dict[str, Any]:
    """The scores of another process, in which this package cannot be imported."""
    np.save(exported / "images.npy", images.numpy())
    shutil.copy(exported / "lesb_detector.py", checkout / "detectors")
    command = [sys.executable, "-c", _SCORE, str(checkout), str(exported)]
    command += [str(exported / "images.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(STAND_IN, tmp_path_factory.mktemp("checkout") / "training"))


def batch(size: int) -> torch.Tensor:
    return torch.from_numpy(pictures(3, size, seed=1)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.slow
def test_the_file_alone_gives_the_networks_scores(
    artefact: Path, checkout: Path, tmp_path: Path
) -> None:
    assert export(artefact, tmp_path, "--fusion", "median") == 0
    images = batch(backbone().crop.size)
    found = score(checkout, tmp_path, images)
    expected = load_source(BACKBONE, "random", str(artefact), "median").network(images)
    assert np.ptp(expected.parts.numpy()) > 1e-2
    np.testing.assert_allclose(found["prob"], expected.fake, atol=1e-5)
    np.testing.assert_allclose(found["feat"], expected.embedding, atol=1e-4)
    parts = np.stack([found["p_eyes"], found["p_nose"], found["p_mouth"]], axis=1)
    np.testing.assert_allclose(parts, expected.parts, atol=1e-5)
    logits = torch.tensor(found["cls"])
    np.testing.assert_allclose(logits.softmax(dim=1)[:, 1], found["prob"], atol=1e-5)
    decided = (np.array(found["prob"]) > 0.5) == np.array([0, 1, 1])
    assert (found["label"], found["acc"]) == ([0, 1, 1], pytest.approx(decided.mean()))


@pytest.mark.slow
def test_it_is_python_3_7_and_asks_only_for_what_torch_and_numpy_had_then(
    artefact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(artefact, tmp_path) == 0
    said = capsys.readouterr().out
    assert "  from .lesb_detector import LesbDetector" in said
    assert "python training/test.py --detector_path" in said
    tree = ast.parse((tmp_path / "lesb_detector.py").read_text(), feature_version=(3, 7))
    asked: dict[str, set[str]] = {"torch": set(), "functional": set(), "np": set()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked.get(node.value.id, set()).add(node.attr)
    assert asked["torch"] <= TORCH_1_12
    assert asked["functional"] <= FUNCTIONAL
    assert asked["np"] <= NUMPY_1_21
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    allowed = {"__future__", "json", "numpy", "torch", "torch.nn", "sklearn.metrics"}
    assert imported <= allowed | {"detectors.base_detector", "metrics.registry"}


@pytest.mark.parametrize(
    "name",
    [
        "timm/test_efficientnet",
        pytest.param("timm/tf_efficientnet_lite0", marks=pytest.mark.slow),
        pytest.param("sbi_effb4", marks=pytest.mark.slow),
        pytest.param("dfb_effb4", marks=pytest.mark.slow),
        pytest.param("dfb_xception", marks=pytest.mark.slow),
    ],
)
def test_every_family_that_can_be_written_gives_its_embedding(
    name: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the template itself: its steps on the network's tensors."""
    built: Any = load_plugins().get("backbone", name).build(name, "random", 0)
    with torch.no_grad():  # norms that do something
        for key, tensor in built.model.state_dict().items():
            if key.endswith(("running_mean", "bias")) and "bn" in key:
                tensor.normal_(0, 0.1)
    network = LesbNetwork(built, fitted(built))
    own = _template(monkeypatch, network)
    images = batch(built.crop.size)
    with torch.no_grad():
        torch.testing.assert_close(own.embed(images), network.embed(images), rtol=1e-4, atol=1e-5)


def test_the_fusions_are_those_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    own = _scope(monkeypatch)["FUSIONS"]
    drawn = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    parts = torch.cat([drawn, torch.tensor([[0.0, 1, 0.5, 0.5], [0, 0, 1, 1]])])
    assert set(own) == set(FUSIONS)
    for name, fusion in FUSIONS.items():
        torch.testing.assert_close(own[name](parts), fusion(parts))


def _template(monkeypatch: pytest.MonkeyPatch, network: LesbNetwork) -> Any:
    scope = _scope(monkeypatch)
    scope["NETWORK"].update(standalone_file._described(network))
    own = scope["Network"]()
    own.load_state_dict(network.state_dict(), strict=True)
    return own


def _scope(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names in the template, run where the checkout's packages can be imported."""
    monkeypatch.syspath_prepend(STAND_IN)
    scope: dict[str, Any] = {"__name__": "lesb_detector"}
    exec(compile(standalone_file._TEMPLATE.read_text(), "lesb_detector", "exec"), scope)  # noqa: S102
    for name in [each for each in sys.modules if each.split(".")[0] in {"detectors", "metrics"}]:
        monkeypatch.delitem(sys.modules, name)
    return scope


def test_a_backbone_that_cannot_be_written_is_refused_by_name() -> None:
    built = load_plugins().get("backbone", "timm/test_vit").build("timm/test_vit", "random", 0)
    with pytest.raises(ConfigError, match=r"'timm/test_vit' \(VisionTransformer\) cannot be"):
        network_steps(built)


def test_it_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "deepfakebench", "--standalone"]) == 2
    assert "with --out DIR" in capsys.readouterr().err
    assert main(["export", "onnx", "--standalone"]) == 2
