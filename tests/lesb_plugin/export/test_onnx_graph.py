"""LESB as an ONNX graph."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lesb_plugin.export import onnx_graph
from lesb_plugin.export.source import ExportSource, load_source
from registry import ConfigError, DataError
from registry.cli import main
from tests.shared.random_lesb import BACKBONE, backbone, pictures, save_artefact

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

OUTPUTS = ["fake", "p_eyes", "p_nose", "p_mouth", "fake_head", "embedding"]


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_artefact(tmp_path_factory.mktemp("fitted"), probe=True)


@pytest.fixture(scope="module")
def graph(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `bench export onnx` has written."""
    path = tmp_path_factory.mktemp("graph") / "lesb.onnx"
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    assert main(["export", "onnx", *asked, "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def source(artefact: Path) -> ExportSource:
    return load_source(BACKBONE, "random", str(artefact))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 4])
def test_its_outputs_are_torchs_for_any_batch(
    graph: Path, source: ExportSource, count: int
) -> None:
    images = pictures(count, source.network.crop.size, seed=count)
    inputs = (images.transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = dict(zip(OUTPUTS, session.run(OUTPUTS, {"images": inputs}), strict=True))
    with torch.inference_mode():
        expected = source.network(torch.from_numpy(inputs))
    np.testing.assert_allclose(found["fake"], expected.fake, atol=1e-4, rtol=0)
    np.testing.assert_allclose(found["fake_head"], expected.head, atol=1e-4, rtol=0)
    np.testing.assert_allclose(found["embedding"], expected.embedding, atol=1e-4, rtol=1e-4)
    for part, values in zip(source.network.parts, expected.parts.T, strict=True):
        np.testing.assert_allclose(found[f"p_{part}"], values, atol=1e-4, rtol=0)
    assert count == 1 or np.ptp(found["fake"]) > 1e-3


@pytest.mark.slow
def test_it_is_one_valid_file_with_named_ends_and_a_free_batch(graph: Path) -> None:
    model = onnx.load(graph)
    onnx.checker.check_model(model, full_check=True)
    assert [path.name for path in graph.parent.iterdir()] == [graph.name]
    assert [output.name for output in model.graph.output] == OUTPUTS
    (images,) = model.graph.input
    batch, *rest = images.type.tensor_type.shape.dim
    assert images.name == "images"
    assert batch.dim_param
    size = backbone().crop.size
    assert [dim.dim_value for dim in rest] == [3, size, size]
    assert next(each.version for each in model.opset_import if not each.domain) >= 17


@pytest.mark.slow
def test_it_says_where_it_comes_from(graph: Path, source: ExportSource) -> None:
    held = {each.key: each.value for each in onnx.load(graph).metadata_props}
    assert held["weights_sha256"] == source.backbone.weights_sha256
    assert held["artefact_sha256"] == source.artefact_sha256
    assert json.loads(held["parts"]) == ["eyes", "nose", "mouth"]
    assert json.loads(held["crop"]) == {"name": "sbi", "size": 160, "margin": 0.125}
    assert json.loads(held["versions"])["torch"] == torch.__version__.partition("+")[0]


@pytest.fixture
def quick(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is copied instead of being made anew."""
    monkeypatch.setattr(onnx_graph, "_export", lambda _, path: shutil.copyfile(graph, path))


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_graph_that_computes_something_else_is_not_kept(artefact: Path, tmp_path: Path) -> None:
    other = load_source(BACKBONE, "random", str(artefact), fusion="max")
    with pytest.raises(DataError, match=r"differ from torch's by up to .* was not written"):
        onnx_graph.write_onnx(other, tmp_path / "lesb.onnx")
    assert not list(tmp_path.iterdir())


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name == package else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_without_onnxruntime_it_says_that_nothing_was_checked(
    artefact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without(monkeypatch, "onnxruntime")
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    assert main(["export", "onnx", *asked, "--out", str(tmp_path / "lesb.onnx")]) == 0
    assert "not checked: onnxruntime is not installed" in capsys.readouterr().out


def test_a_missing_exporter_and_too_large_a_network_are_told(
    source: ExportSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST", 1000)
    with pytest.raises(ConfigError, match="a single ONNX file holds less than 2"):
        onnx_graph.write_onnx(source, tmp_path / "lesb.onnx")
    without(monkeypatch, "onnxscript")
    with pytest.raises(ConfigError, match=r"needs onnxscript.*pip install 'lesb-plugin\[onnx\]'"):
        onnx_graph.write_onnx(source, tmp_path / "lesb.onnx")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["onnx", "--out", "graphs"], "--out graphs does not end in .onnx"),
        (["onxx"], "invalid choice: 'onxx'"),
        (["onnx", "--fusion", "meen"], "invalid choice: 'meen'"),
        (["onnx", "--backbone", "efflite0_in1k"], "has no fitted artefact for backbone"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
