"""Backends that compute a backbone's forward pass instead of eager torch."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from registry.backbones.graph import INPUT, OUTPUTS, ForwardPass, onnx_graph
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import Embedder, Engine
from registry.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]

__all__ = ["AUTOCAST", "PACKAGES", "build_engine", "engines_here"]

AUTOCAST = {"bf16": "bfloat16", "fp16": "float16"}  # backends that are torch at a lower precision
_TOLERANCE = 1e-3  # of an embedding's norm: scores of the heads then agree to about as much
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}


def build_engine(name: str, backbone: Backbone, device: str) -> Engine | None:
    """Build the engine of a backend; None for torch itself.

    A ConfigError if it is not installed, cannot compute the backbone, or computes other numbers.
    """
    if name not in _ENGINES:
        return None
    package = PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"--backend {name} needs {package}: pip install 'lesb-plugin[{name}]'; or use"
            " --backend torch"
        )
    engine = _ENGINES[name](backbone, device)
    _check(engine, backbone, device)
    return engine


def engines_here(device: str) -> list[str]:
    """List backends that compute in float32 here and start within seconds, torch first."""
    exporter = all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxscript"))
    there = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    return ["torch", *(there if exporter and device == "cpu" else [])]


class OnnxRuntime:
    """The ONNX graph in onnxruntime. Implements `Engine`."""

    name = "onnx"

    def __init__(self, backbone: Backbone, device: str) -> None:
        import onnxruntime

        kind, _, index = device.partition(":")
        provider: Any = _CPU if kind == "cpu" else (_CUDA, {"device_id": index or "0"})
        there = onnxruntime.get_available_providers()
        if kind not in ("cpu", "cuda") or (kind == "cuda" and _CUDA not in there):
            raise ConfigError(
                f"onnxruntime cannot compute on {device} here (it has {', '.join(there)}); pass"
                " --device cpu, or --backend torch"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        graph = str(onnx_graph(backbone))
        self._session = onnxruntime.InferenceSession(graph, options, providers=[provider])

    def __call__(self, images: NDArray[np.uint8]) -> Outputs:
        embedding, finest = self._session.run(OUTPUTS, {INPUT: images})
        return embedding, finest


class OpenVino:
    """The ONNX graph in OpenVINO, in float32. Implements `Engine`."""

    name = "openvino"

    def __init__(self, backbone: Backbone, device: str) -> None:
        import openvino

        if device != "cpu":
            raise ConfigError(
                f"--backend openvino computes on the CPU, not on {device}; pass --device cpu, or"
                " --backend torch"
            )
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # by default bfloat16 where the CPU has it
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        core = openvino.Core()
        self._model = core.compile_model(str(onnx_graph(backbone)), "CPU", settings)
        self._own = threading.local()  # a request is of one thread

    def __call__(self, images: NDArray[np.uint8]) -> Outputs:
        if not hasattr(self._own, "request"):
            self._own.request = self._model.create_infer_request()
        found = self._own.request.infer([np.ascontiguousarray(images)])
        embedding, finest = (np.array(found[name]) for name in OUTPUTS)
        return embedding, finest


class Compiled:
    """The forward pass by torch.compile, which compiles it at its first batch. An `Engine`.

    A smaller batch is padded with black images, as another size would be compiled again.
    """

    name = "compile"

    def __init__(self, backbone: Backbone, device: str) -> None:
        if device == "cpu":
            _check_compiler()
        self._device, self._size = device, 0
        self._run: Callable[..., Any] = torch.compile(ForwardPass(backbone).eval())

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8]) -> Outputs:
        self._size = max(self._size, len(images))
        batch = torch.zeros(self._size, *images.shape[1:], dtype=torch.uint8)
        batch[: len(images)] = torch.from_numpy(np.ascontiguousarray(images))
        try:
            outputs = self._run(batch.to(self._device))
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            raise ConfigError(
                f"torch.compile failed on a batch of {self._size} ({_reason(error)}); if a run was"
                " killed while it compiled, remove the folder torchinductor_USER of the system's"
                " temporary folder; or use --backend torch"
            ) from error
        embedding, finest = (each[: len(images)].float().cpu().numpy() for each in outputs)
        return embedding, finest


_ENGINES: dict[str, Callable[[Backbone, str], Engine]] = {
    "onnx": OnnxRuntime,
    "openvino": OpenVino,
    "compile": Compiled,
}


def _check_compiler() -> None:
    """ConfigError where torch.compile would not find the C++ compiler that it needs on a CPU."""
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    name = os.environ.get("CXX") or usual
    if shutil.which(name) is None:
        raise ConfigError(
            f"--backend compile needs a C++ compiler on a CPU, and {name} is not installed; install"
            f" it (`apt install g++`, `conda install cxx-compiler`), set CXX to another one, or use"
            " --backend torch"
        )


def _reason(error: Exception) -> str:
    """Return the line of an error that says what is wrong: compilers put others before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    named = (line for line in lines if "error:" in line)
    return next(named, lines[1] if len(lines) > 1 and lines[0].endswith("raised:") else lines[0])


def _check(engine: Engine, backbone: Backbone, device: str) -> None:
    """Raise a ConfigError unless the engine embeds two noise images as torch does."""
    size = backbone.crop.size
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    expected = Embedder(backbone, device=device)(images)
    try:
        found, _ = engine(images)
    except ConfigError:
        raise
    except Exception as error:  # whatever a compiler or a runtime raises
        raise ConfigError(
            f"--backend {engine.name} cannot compute backbone {backbone.name!r}"
            f" ({type(error).__name__}: {_reason(error)}); use --backend torch"
        ) from error
    norm = max(float(np.linalg.norm(expected)), 1e-12)
    difference = float(np.linalg.norm(found - expected)) / norm
    if not difference <= _TOLERANCE:
        raise ConfigError(
            f"--backend {engine.name} computes other embeddings of backbone {backbone.name!r} than"
            f" torch (by {difference:.2g} of their norm); use --backend torch"
        )
