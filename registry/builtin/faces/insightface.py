"""The face detector of an InsightFace model pack that the user has."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.builtin.faces.tiny_retinaface import CONFIDENCE
from registry.contracts.types import Face
from registry.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry.builtin.faces.tiny_retinaface import Detect

__all__ = ["PACK", "build_retinaface"]

PACK = "BENCH_INSIGHTFACE"
_PACKS = Path("~/.insightface/models")
_SIDE = 640  # of the square that frames are searched in, InsightFace's own default
_DETECTORS = ("det", "scrfd", "retina")  # how their files are named
_INSTEAD = "; --face-detector tiny_retinaface needs neither"


def build_retinaface() -> Detect:
    """Finds faces with the detection model of a pack; the others of the pack are not loaded.

    A ConfigError says where the pack belongs, or that InsightFace is not installed.
    """
    files = _pack()
    try:
        zoo = importlib.import_module("insightface.model_zoo")
    except ImportError as error:
        raise ConfigError(
            f"face detector 'retinaface' needs the package insightface ({error}): pip install"
            f" insightface{_INSTEAD}"
        ) from None
    model = _detection_model(zoo, files)
    model.prepare(ctx_id=-1, det_thresh=CONFIDENCE, input_size=(_SIDE, _SIDE))

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        found, _ = model.detect(np.ascontiguousarray(image[:, :, ::-1]))  # (n, 5), of BGR
        return [Face(box=(x0, y0, x1, y1), score=score) for x0, y0, x1, y1, score in found.tolist()]

    return detect


def _pack() -> Sequence[Path]:
    """The .onnx files of the pack, those named like detectors first."""
    given = os.environ.get(PACK)
    folders = [Path(given)] if given else sorted(_PACKS.expanduser().glob("*/"))
    for folder in folders:
        files = sorted(folder.expanduser().glob("*.onnx"))
        if files:
            return sorted(files, key=lambda file: not file.name.startswith(_DETECTORS))
    looked = f"{given} ({PACK})" if given else f"{_PACKS}/*"
    raise ConfigError(
        f"no InsightFace model pack, a folder of .onnx files, at {looked}; put one at"
        f" {_PACKS}/buffalo_l, or name its folder in {PACK}{_INSTEAD}"
    )


def _detection_model(zoo: Any, files: Sequence[Path]) -> Any:
    for file in files:
        model = zoo.get_model(str(file), providers=["CPUExecutionProvider"])
        if model is not None and model.taskname == "detection":
            return model
    raise ConfigError(
        f"none of the models in {files[0].parent} detects faces:"
        f" {', '.join(file.name for file in files)}{_INSTEAD}"
    )
