from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit

from registry.backbones import backend_choice, engines, graph
from registry.backbones.backend_choice import choose_backend, fastest
from registry.backbones.engines import build_engine, engines_here
from registry.builtin.backbones import build_timm
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import Embedder
from registry.errors import ConfigError
from registry.ranks import Rank
from registry.settings.shared import BatchSettings
from tests.shared.tiny import TinyBackbone

INSTALLED = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(package), reason=name))
    for name, package in engines.PACKAGES.items()
]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return build_timm("timm/test_efficientnet", "random", 0)


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return TinyBackbone()


def crops(backbone: Backbone, count: int, seed: int = 0) -> NDArray[np.uint8]:
    size = backbone.crop.size
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


class Halved:
    """An engine whose embeddings are torch's, times a factor."""

    name = "halved"

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor

    def __call__(self, backbone: Backbone, device: str) -> Any:
        def run(images: NDArray[np.uint8]) -> Any:
            embedding, finest = Embedder(backbone, device=device).with_map(images)
            return embedding * np.float32(self._factor), finest

        run.name = self.name  # type: ignore[attr-defined]
        return run


# --- engines ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLED)
def test_embeddings_maps_and_scores_are_those_of_torch(backbone: Backbone, name: str) -> None:
    """Also for other batches than the graph was written with, and out of the cache."""
    torch_embedder = Embedder(backbone, batch_size=4)
    embedder = Embedder(backbone, batch_size=4, engine=build_engine(name, backbone, "cpu"))
    images = crops(backbone, 7)
    np.testing.assert_allclose(embedder(images), torch_embedder(images), rtol=1e-4, atol=1e-5)
    embeddings, maps = embedder.with_map(images)
    expected = torch_embedder.with_map(images)
    np.testing.assert_allclose(embeddings, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(maps, expected[1], rtol=1e-3, atol=1e-4)
    assert embedder.backend == name
    assert embedder.encoder != torch_embedder.encoder


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLED)
def test_a_graph_is_written_once(
    backbone: Backbone, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write = graph._write

    def counted(backbone: Backbone, path: Path) -> None:
        written.append(path)
        write(backbone, path)

    monkeypatch.setattr(graph, "_write", counted)
    for _ in range(2):
        build_engine(name, backbone, "cpu")
    assert len(written) <= 1
    assert graph.onnx_graph(backbone).is_file()


def test_an_engine_that_computes_something_else_is_refused(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines._ENGINES, "good", Halved(1.0005))
    monkeypatch.setitem(engines._ENGINES, "bad", Halved(0.99))
    assert build_engine("good", tiny, "cpu") is not None
    with pytest.raises(ConfigError, match=r"other embeddings of backbone 'tiny'"):
        build_engine("bad", tiny, "cpu")


def test_what_is_not_installed_or_cannot_run_there_is_noted(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ConfigError, match=r"onnxruntime cannot compute on cuda here .*--device cpu"
    ):
        build_engine("onnx", tiny, "cuda")
    monkeypatch.setitem(engines.PACKAGES, "openvino", "no_such_package")
    with pytest.raises(ConfigError, match=r"needs no_such_package: pip install 'lesb-plugin\["):
        build_engine("openvino", tiny, "cpu")
    assert "openvino" not in engines_here("cpu")
    assert engines_here("cuda") == ["torch"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which(os.environ.get("CXX") or "g++"), reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiled_scores_are_those_of_torch(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For batches of the size that was compiled, of smaller ones and of one that is larger."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch_embedder = Embedder(backbone, batch_size=5)
    embedder = Embedder(backbone, batch_size=5, engine=build_engine("compile", backbone, "cpu"))
    for count in (2, 1, 5):
        images = crops(backbone, count, seed=count)
        expected, found = torch_embedder(images), embedder(images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        scores = [expit(each @ np.linspace(-1, 1, backbone.dim)) for each in (expected, found)]
        assert np.abs(scores[0] - scores[1]).max() < 1e-3
    assert embedder.backend == "compile"


def test_a_compilation_that_fails_later_is_told_and_other_errors_pass(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InductorError(RuntimeError):
        pass

    InductorError.__module__ = "torch._inductor.exc"
    monkeypatch.setattr(engines, "_check_compiler", lambda: None)
    compiled = engines.Compiled(tiny, "cpu")
    for error in (InductorError("file too short"), torch.OutOfMemoryError("full")):

        def run(_batch: torch.Tensor, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(compiled, "_run", run)
        ours = isinstance(error, InductorError)
        with pytest.raises(ConfigError if ours else torch.OutOfMemoryError) as caught:
            compiled(crops(tiny, 3))
        assert ("batch of 3 (file too short)" in str(caught.value)) is ours


def test_without_a_compiler_the_message_says_so(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler on a CPU, and .*set CXX"):
        build_engine("compile", tiny, "cpu")
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(ConfigError, match="/no/such/compiler is not installed"):
        build_engine("compile", tiny, "cpu")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo", "one"),
        ("", ""),
        ("backend='inductor' raised:\nInvalid: none here\n", "Invalid: none here"),
        ("raised:\nCommand: g++ x.cpp\nx.cpp:1: fatal error: Python.h: none\n1 | #", "Python.h"),
    ],
)
def test_of_what_a_compiler_says_the_line_with_the_reason_is_noted(
    text: str, line: str, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(backbone: Backbone, device: str) -> Any:
        def run(images: NDArray[np.uint8]) -> Any:
            raise RuntimeError(text)

        run.name = "failing"  # type: ignore[attr-defined]
        return run

    monkeypatch.setitem(engines._ENGINES, "failing", failing)
    with pytest.raises(ConfigError, match=rf"\(RuntimeError: .*{line}.*use --backend torch"):
        build_engine("failing", tiny, "cpu")


def test_a_measurement_tries_no_backend_that_rounds_more_than_float32() -> None:
    for device in ("cpu", "cuda"):
        assert not {*engines.AUTOCAST, "compile"} & {*engines_here(device)}


# --- the choice -------------------------------------------------------------------------------


def test_precision_and_backend_are_one_choice(tiny: Backbone) -> None:
    chosen = choose_backend(BatchSettings(backend="bf16"), tiny, "cpu", 4)
    assert (chosen.precision, chosen.engine) == ("bfloat16", None)
    chosen = choose_backend(BatchSettings(backend="fp16"), tiny, "cuda:1", 4)
    assert (chosen.precision, chosen.engine) == ("float16", None)
    chosen = choose_backend(BatchSettings(precision="bfloat16"), tiny, "cpu", 4)
    assert (chosen.precision, chosen.engine) == ("bfloat16", None)
    with pytest.raises(ConfigError, match="two answers to one question"):
        choose_backend(BatchSettings(backend="onnx", precision="bfloat16"), tiny, "cpu", 4)
    with pytest.raises(ConfigError, match="fp16 is for CUDA GPUs"):
        choose_backend(BatchSettings(backend="fp16"), tiny, "cpu", 4)


def test_torch_stays_unless_another_saves_a_tenth() -> None:
    assert fastest({"torch": 1.0, "onnx": 0.95, "openvino": 0.91}) == "torch"
    assert fastest({"torch": 1.0, "onnx": 0.5, "openvino": 0.4}) == "openvino"


def test_auto_measures_once_for_each_batch_size_and_leaves_out_what_fails(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that answers from memory is faster than any network."""
    measured: list[Callable[..., Any]] = []
    ratios = backend_choice._ratios

    def counted(runs: Any, images: NDArray[np.uint8]) -> dict[str, float]:
        measured.append(runs)
        return ratios(runs, images)

    def remembering(backbone: Backbone, device: str) -> Any:
        answers: dict[bytes, Any] = {}
        inner = Halved()(backbone, device)

        def run(images: NDArray[np.uint8]) -> Any:
            key = images[:, ::16, ::16].tobytes()
            if key not in answers:
                answers[key] = inner(images)
            return answers[key]

        run.name = "quick"  # type: ignore[attr-defined]
        return run

    monkeypatch.setattr(backend_choice, "_ratios", counted)
    monkeypatch.setattr(backend_choice, "engines_here", lambda _: ["torch", "bad", "quick"])
    monkeypatch.setitem(engines._ENGINES, "quick", remembering)
    monkeypatch.setitem(engines._ENGINES, "bad", Halved(0.9))
    for batch_size in (2, 2, 3):
        chosen = choose_backend(BatchSettings(backend="auto"), tiny, "cpu", batch_size)
        assert chosen.engine is not None
        assert chosen.engine.name == "quick"
    assert len(measured) == 2
    notes = capsys.readouterr().err
    assert notes.count("takes quick") == 2
    assert "computes other embeddings" in notes


@pytest.fixture
def measured(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a measurement where `auto` keeps it; no line has told of it yet."""
    monkeypatch.setattr(backend_choice, "engines_here", lambda _: ["torch", "halved"])
    monkeypatch.setattr(backend_choice, "_noted", set())
    monkeypatch.setitem(engines._ENGINES, "halved", Halved())

    def write(text: str) -> Path:
        path = backend_choice._memory(tiny, "cpu", 5, ["torch", "halved"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_torch_by_default_says_once_what_was_measured_to_be_faster(
    tiny: Backbone, measured: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = measured('{"ratios": {"torch": 1.0, "halved": 0.7149}}')
    for _ in range(2):
        assert choose_backend(BatchSettings(), tiny, "cpu", 5).engine is None
    choose_backend(BatchSettings(), tiny, "cpu", 6)  # not measured: nothing to say
    choose_backend(BatchSettings(precision="bfloat16"), tiny, "cpu", 5)
    note = "note: --backend halved would take about 0.71 of torch's time here\n"
    assert capsys.readouterr().err == note
    chosen = choose_backend(BatchSettings(backend="auto"), tiny, "cpu", 5)
    assert chosen.engine is not None
    assert capsys.readouterr().err == ""
    path.unlink()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"ratios": 1}', '{"ratios": {"halved": 0.1}}', '{"ratios": {"torch": "x"}}']
)
def test_a_damaged_measurement_is_made_anew_and_says_nothing(
    tiny: Backbone,
    measured: Callable[[str], Path],
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend_choice, "_ratios", lambda *_: {"torch": 1.0, "halved": 0.5})
    path = measured(text)
    assert choose_backend(BatchSettings(), tiny, "cpu", 5).engine is None
    assert capsys.readouterr().err == ""
    chosen = choose_backend(BatchSettings(backend="auto"), tiny, "cpu", 5)
    assert chosen.engine is not None
    assert "halved" in path.read_text()
    path.unlink()


def test_without_a_runtime_auto_is_torch(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_choice, "engines_here", lambda _: ["torch"])
    assert choose_backend(BatchSettings(backend="auto"), tiny, "cpu", 4).engine is None


@pytest.mark.slow
def test_a_backbone_that_cannot_be_written_as_a_graph_is_noted(tiny: Backbone) -> None:
    if not importlib.util.find_spec("onnxscript"):
        pytest.skip("the exporter is not installed")

    class Branching(torch.nn.Module):
        """Where the program goes depends on what is in the images."""

        name, crop, weights_sha256 = "branching", tiny.crop, "c" * 64

        def features(self, images: torch.Tensor) -> Any:
            return tiny.features(images if bool((images.sum() > 1).item()) else images * 2)

        def embed(self, features: Any) -> torch.Tensor:
            return tiny.embed(features)

    with pytest.raises(ConfigError, match=r"cannot write backbone 'branching' as an ONNX graph"):
        graph.onnx_graph(Branching())  # type: ignore[arg-type]


def test_several_processes_take_what_was_measured_and_measure_nothing(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_choice, "engines_here", lambda _: ["torch", "halved"])
    monkeypatch.setitem(engines._ENGINES, "halved", Halved())
    settings = BatchSettings(backend="auto")
    with monkeypatch.context() as several:
        several.setattr(backend_choice, "this_rank", lambda: Rank(number=1, count=2, local=1))
        with pytest.raises(ConfigError, match="name one of torch, halved"):
            choose_backend(settings, tiny, "cpu", 4)
    measured = choose_backend(settings, tiny, "cpu", 4)
    with monkeypatch.context() as several:
        several.setattr(backend_choice, "this_rank", lambda: Rank(number=1, count=2, local=1))
        again = choose_backend(settings, tiny, "cpu", 4)
    assert (again.engine is None) == (measured.engine is None)
