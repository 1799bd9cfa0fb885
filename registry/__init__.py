"""The host: plugins, data, metrics and results of a deepfake-detection benchmark; no detector.

`__all__` is the public API and all that a plugin may import. Importing it loads no torch, no cv2
and no numpy; what needs them is loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from registry.errors import (
    BenchError,
    ConfigError,
    DataError,
    PluginError,
    UndefinedMetricError,
    UnknownNameError,
)
from registry.hookspecs import hookimpl
from registry.types import (
    ArtefactSpec,
    Backbone,
    BackboneSpec,
    CommandSpec,
    Crop,
    CropPolicy,
    DatasetRequest,
    DatasetSpec,
    Detector,
    DetectorContext,
    DetectorSpec,
    EmbeddingDetector,
    ExplainerSpec,
    Explanation,
    Face,
    FaceDetectorSpec,
    Features,
    FitContext,
    FitReport,
    Frame,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    Sample,
    Scores,
    Training,
    Video,
    WrapperSpec,
    lazy,
)

if TYPE_CHECKING:
    from registry.config import load_yaml
    from registry.console import progress
    from registry.crops import crop_face
    from registry.evaluation import evaluate
    from registry.fitting import fit
    from registry.inference import Embedder
    from registry.result import Result

__version__ = "0.1.0"

__all__ = [
    "ArtefactSpec",
    "Backbone",
    "BackboneSpec",
    "BenchError",
    "CommandSpec",
    "ConfigError",
    "Crop",
    "CropPolicy",
    "DataError",
    "DatasetRequest",
    "DatasetSpec",
    "Detector",
    "DetectorContext",
    "DetectorSpec",
    "Embedder",
    "EmbeddingDetector",
    "ExplainerSpec",
    "Explanation",
    "Face",
    "FaceDetectorSpec",
    "Features",
    "FitContext",
    "FitReport",
    "Frame",
    "LandmarkerSpec",
    "MetricSpec",
    "PluginError",
    "ReporterSpec",
    "Result",
    "Sample",
    "Scores",
    "Training",
    "UndefinedMetricError",
    "UnknownNameError",
    "Video",
    "WrapperSpec",
    "__version__",
    "crop_face",
    "evaluate",
    "fit",
    "hookimpl",
    "lazy",
    "load_yaml",
    "progress",
]

_ON_FIRST_USE = {
    "Embedder": "registry.inference",
    "Result": "registry.result",
    "crop_face": "registry.crops",
    "evaluate": "registry.evaluation",
    "fit": "registry.fitting",
    "load_yaml": "registry.config",
    "progress": "registry.console",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
