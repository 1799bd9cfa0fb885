"""`lesb_plugin.load`: what it finds, refuses, and how cheap the package stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packaging.version import Version

import lesb_plugin
from lesb_plugin.export.onnx_graph import OPSET
from registry import ConfigError, DataError, UnknownNameError, detector_context
from registry.plugins.discovery import load_plugins
from tests.shared.random_lesb import BACKBONE, backbone, fitted, pictures, save_artefact, to_crops
from tests.shared.random_roi import fitted_roi, marked_crops


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted_roi(backbone()).save(tmp_path_factory.mktemp("roi") / "roi.safetensors")


def loaded(name: str, artefact: Path, **more: Any) -> Any:
    return lesb_plugin.load(name, BACKBONE, weights="random", artefact=artefact, **more)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, lesb_plugin; assert {'LFD', 'load'} <= set(dir(lesb_plugin));"
        "print([n for n in ('torch', 'numpy', 'sklearn', 'registry') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="'lesb_plugin' has no attribute 'lod'"):
        _ = lesb_plugin.lod
    with pytest.raises(UnknownNameError, match=r"'lesb_rio'; did you mean 'lesb_roi'\?"):
        lesb_plugin.load("lesb_rio")


@pytest.mark.slow
def test_an_artefact_is_loaded_by_its_detector_alone(artefact: Path, tmp_path: Path) -> None:
    network = loaded("lesb_roi", artefact)
    assert (network.detector, network.needs_landmarks) == ("lesb_roi", True)
    of_lesb = save_artefact(tmp_path)
    assert loaded("lesb", of_lesb, device="cpu").parts == ("eyes", "nose", "mouth")
    with pytest.raises(DataError, match="belongs to detector 'lesb', not to 'lesb_gep'"):
        loaded("lesb_gep", of_lesb)


@pytest.mark.parametrize("name", ["lesb", "lesb_roi"])
def test_a_fit_in_half_precision_is_refused(name: str, tmp_path: Path) -> None:
    make = fitted if name == "lesb" else fitted_roi
    path = make(backbone(), precision="bfloat16").save(tmp_path / "half.safetensors")
    with pytest.raises(ConfigError, match=r"fitted at precision bfloat16.*computes in float32"):
        loaded(name, path)


ANY_BATCH = pytest.mark.skipif(
    Version(torch.__version__) < Version("2.10"),
    reason="torch.export before torch 2.10 cannot leave the number of images open here",
)


@pytest.mark.slow
@ANY_BATCH
def test_the_exported_program_gives_the_same_for_any_batch(artefact: Path) -> None:
    network = loaded("lesb_roi", artefact)
    size = network.crop.size
    crops = marked_crops(3, size)
    images, landmarks = network.inputs(crops)
    weights = network.part_weights(landmarks)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        network,
        (images[:2],),
        {"weights": weights[:2]},
        dynamic_shapes={"images": {0: batch}, "weights": {0: batch}},
    )
    found, expected = program.module()(images, weights=weights), network(images, landmarks)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.maps["face"], expected.maps["face"], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@ANY_BATCH
@pytest.mark.filterwarnings("ignore")  # of the exporter's own code
@pytest.mark.parametrize("name", ["lesb", "lesb_roi"])
def test_the_onnx_graph_gives_the_same_scores(name: str, artefact: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    network = loaded(name, save_artefact(tmp_path) if name == "lesb" else artefact)
    crops = marked_crops(3, network.crop.size)
    images, landmarks = network.inputs(crops)
    given = {} if landmarks is None else {"weights": network.part_weights(landmarks)}
    batch = torch.export.Dim("batch", min=1)
    program = torch.onnx.export(
        network,
        (images[:2],),
        kwargs={key: each[:2] for key, each in given.items()},
        dynamic_shapes={key: {0: batch} for key in ("images", *given)},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    path = tmp_path / "graph.onnx"
    program.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {"images": images.numpy(), **{key: each.numpy() for key, each in given.items()}}
    found = session.run(None, inputs)
    expected = network(images, landmarks)
    np.testing.assert_allclose(found[0], expected.scores, atol=1e-4, rtol=0)
    for values, part in zip(found[1:], expected.parts.values(), strict=False):
        np.testing.assert_allclose(values, part, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lesb", "lesb_roi"])
def test_what_is_shipped_scores_as_its_detector_does(name: str) -> None:
    network = lesb_plugin.load(name)
    context = detector_context(detector=name, device="cpu")
    detector = load_plugins().get("detector", name).build(context)
    size = network.crop.size
    crops = marked_crops(3, size) if name == "lesb_roi" else to_crops(pictures(3, size))
    expected = detector.score(crops)
    with torch.inference_mode():
        found = network(*network.inputs(crops))
    np.testing.assert_allclose(found.scores, expected.fake, atol=1e-5, rtol=0)
    for part, values in found.parts.items():
        np.testing.assert_allclose(values, expected.regions[part], atol=1e-5, rtol=0)
