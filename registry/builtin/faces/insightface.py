"""The face detector of the user's InsightFace model pack."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.builtin.faces.providers import CPU, onnx_providers
from registry.builtin.faces.tiny_retinaface import CONFIDENCE
from registry.contracts.types import Face
from registry.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry.builtin.faces.tiny_retinaface import Detect

__all__ = ["PACK", "PROVIDERS", "build_retinaface"]

PACK, PROVIDERS = "BENCH_INSIGHTFACE", "BENCH_INSIGHTFACE_PROVIDERS"
_INSTALL = "pip install 'lesb-plugin[insightface]'"
_PACKS = Path("~/.insightface/models")
_SIDE = 640  # of the square that frames are searched in, InsightFace's own default
_DETECTORS = ("det", "scrfd", "retina")  # how their files are named
_INSTEAD = "; or choose --face-detector dlib, which needs nothing more"


def build_retinaface(size: int = _SIDE) -> Detect:
    """Build a detector from the detection model of a pack; the pack's other models are not
    loaded.

    Frames are searched in a square of `size` pixels. Faces have the five points that the model
    gives. It runs on the GPU if onnxruntime can, or on what BENCH_INSIGHTFACE_PROVIDERS names. A
    ConfigError says what to install and where the pack belongs.
    """
    zoo, missing = _package()
    files = _pack()
    if not files:
        missing += [f"a model pack, a folder of .onnx files ({_where_packs_are()})"]
    if missing:
        raise ConfigError(
            f"face detector 'retinaface' needs {', and '.join(missing)}{_INSTEAD}",
            install="" if zoo else _INSTALL,
        )
    providers = onnx_providers(PROVIDERS)
    model = _detection_model(zoo, files, providers)
    context = -1 if providers == [CPU] else 0
    model.prepare(ctx_id=context, det_thresh=CONFIDENCE, input_size=(size, size))

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        found, points = model.detect(np.ascontiguousarray(image[:, :, ::-1]))  # (n, 5), of BGR
        given = [None] * len(found) if points is None else np.asarray(points, np.float32)
        return [
            Face(box=(x0, y0, x1, y1), score=score, five=five)
            for (x0, y0, x1, y1, score), five in zip(found.tolist(), given, strict=True)
        ]

    return detect


def _package() -> tuple[Any, list[str]]:
    """Return InsightFace's model reader, or None and what to install."""
    try:
        return importlib.import_module("insightface.model_zoo"), []
    except ImportError as error:
        return None, [f"the package insightface ({error}): {_INSTALL}"]


def _pack() -> Sequence[Path]:
    """Return the .onnx files of the pack, those named like detectors first; none without a pack.

    Of several packs at InsightFace's own place the first that holds a file named like a detector.
    """
    given = os.environ.get(PACK)
    folders = [Path(given)] if given else sorted(_PACKS.expanduser().glob("*/"))
    packs = [files for folder in folders if (files := _models(folder.expanduser()))]
    return next((files for files in packs if _is_detector(files[0])), packs[0] if packs else [])


def _where_packs_are() -> str:
    given = os.environ.get(PACK)
    looked = f"{PACK}={given} has none" if given else f"none in {_PACKS}"
    return f"{looked}; put one at {_PACKS}/buffalo_l, or name its folder in {PACK}"


def _models(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.onnx"), key=lambda file: (not _is_detector(file), file.name))


def _is_detector(file: Path) -> bool:
    return file.name.startswith(_DETECTORS)


def _detection_model(zoo: Any, files: Sequence[Path], providers: list[str]) -> Any:
    for file in files:
        model = zoo.get_model(str(file), providers=providers)
        if model is not None and model.taskname == "detection":
            return model
    raise ConfigError(
        f"none of the models in {files[0].parent} detects faces:"
        f" {', '.join(file.name for file in files)}{_INSTEAD}"
    )
