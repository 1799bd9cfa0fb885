"""The host: plugins, data, metrics and results of a deepfake-detection benchmark; no detector.

`__all__` is the public API and all that a plugin may import. Importing it loads no torch, no cv2
and no numpy; what needs them is loaded on first use.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

from registry.errors import (
    BenchError,
    ConfigError,
    DataError,
    EmptySplitError,
    NotFittedError,
    PluginError,
    UndefinedMetricError,
    UnknownNameError,
)
from registry.hookspecs import hookimpl
from registry.origin import Training
from registry.specs import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DetectorSpec,
    ExplainerSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    WrapperSpec,
    lazy,
)

if TYPE_CHECKING:
    from registry.atomic import (
        cache_dir,
        file_sha256,
        opened_folder,
        replacing,
        writable_folder,
        write_text,
    )
    from registry.audit_summary import AuditFigure, AuditSummary, PartAudit, keep_audit
    from registry.auditing import AuditInputs, prepare_audit
    from registry.backbone_protocols import (
        Backbone,
        FineBackbone,
        FreezableNetwork,
        TrainableBackbone,
        TrainableNetwork,
    )
    from registry.bootstrap import draw_weights, interval
    from registry.config import ScoringConfig
    from registry.console import print_table, progress, progress_bar, say, say_above_bar, tell
    from registry.context import detector_context
    from registry.crops import crop_face, shown_aspect
    from registry.detector_flags import configure_for_detectors
    from registry.evaluation import evaluate
    from registry.file_command import check_inputs, configure_for_files, unscored
    from registry.file_scores import FaceScore, Prediction
    from registry.fitting import fit
    from registry.flags import add_config_flags, given_flags
    from registry.inference import Embedder
    from registry.markup import Markup, joined, table_head, tag
    from registry.masks import crop_mask
    from registry.page import html_page, picture_uri
    from registry.predicting import Predictor, predict
    from registry.protocols import (
        CalibratedDetector,
        Detector,
        DetectorContext,
        DifferentiableDetector,
        EmbeddingDetector,
        Explain,
        FitContext,
        FitReport,
        LocalDetector,
    )
    from registry.real_faces import real_crops
    from registry.resolving import as_yaml, load_yaml, resolve
    from registry.result import Result
    from registry.revisiting import FinishedRun, ScoredFace
    from registry.run_folder import refuse_other_run
    from registry.settings import (
        BatchSettings,
        ComputeSettings,
        DataSettings,
        FaceSettings,
        FailureSettings,
        FrameSettings,
        WorkerSettings,
        option,
        options_field,
    )
    from registry.timm_recipe import TimmRecipe, build_timm_backbone
    from registry.training import prepare_training
    from registry.types import (
        Crop,
        CropPolicy,
        DataOptions,
        DatasetRequest,
        Explanation,
        Face,
        Features,
        Frame,
        Resolved,
        Sample,
        Scores,
        Video,
        VideoIndex,
    )

__version__ = metadata.version("lesb-plugin")

__all__ = [
    "ArtefactSpec",
    "AuditFigure",
    "AuditInputs",
    "AuditSummary",
    "Backbone",
    "BackboneSpec",
    "BatchSettings",
    "BenchError",
    "CalibratedDetector",
    "CommandSpec",
    "ComputeSettings",
    "ConfigError",
    "Crop",
    "CropPolicy",
    "DataError",
    "DataOptions",
    "DataSettings",
    "DatasetRequest",
    "DatasetSpec",
    "Detector",
    "DetectorContext",
    "DetectorSpec",
    "DifferentiableDetector",
    "Embedder",
    "EmbeddingDetector",
    "EmptySplitError",
    "Explain",
    "ExplainerSpec",
    "Explanation",
    "Face",
    "FaceDetectorSpec",
    "FaceScore",
    "FaceSettings",
    "FailureSettings",
    "Features",
    "FineBackbone",
    "FinishedRun",
    "FitContext",
    "FitReport",
    "Frame",
    "FrameSettings",
    "FreezableNetwork",
    "LandmarkerSpec",
    "LocalDetector",
    "Markup",
    "MetricSpec",
    "NotFittedError",
    "PartAudit",
    "PluginError",
    "Prediction",
    "Predictor",
    "ReporterSpec",
    "Resolved",
    "Result",
    "Sample",
    "ScoredFace",
    "Scores",
    "ScoringConfig",
    "TimmRecipe",
    "TrainableBackbone",
    "TrainableNetwork",
    "Training",
    "UndefinedMetricError",
    "UnknownNameError",
    "Video",
    "VideoIndex",
    "WorkerSettings",
    "WrapperSpec",
    "__version__",
    "add_config_flags",
    "as_yaml",
    "build_timm_backbone",
    "cache_dir",
    "check_inputs",
    "configure_for_detectors",
    "configure_for_files",
    "crop_face",
    "crop_mask",
    "detector_context",
    "draw_weights",
    "evaluate",
    "file_sha256",
    "fit",
    "given_flags",
    "hookimpl",
    "html_page",
    "interval",
    "joined",
    "keep_audit",
    "lazy",
    "load_yaml",
    "opened_folder",
    "option",
    "options_field",
    "picture_uri",
    "predict",
    "prepare_audit",
    "prepare_training",
    "print_table",
    "progress",
    "progress_bar",
    "real_crops",
    "refuse_other_run",
    "replacing",
    "resolve",
    "say",
    "say_above_bar",
    "shown_aspect",
    "table_head",
    "tag",
    "tell",
    "unscored",
    "writable_folder",
    "write_text",
]

_ON_FIRST_USE = {
    "AuditFigure": "registry.audit_summary",
    "AuditInputs": "registry.auditing",
    "AuditSummary": "registry.audit_summary",
    "Backbone": "registry.backbone_protocols",
    "BatchSettings": "registry.settings",
    "CalibratedDetector": "registry.protocols",
    "ComputeSettings": "registry.settings",
    "Crop": "registry.types",
    "CropPolicy": "registry.types",
    "DataOptions": "registry.types",
    "DataSettings": "registry.settings",
    "DatasetRequest": "registry.types",
    "Detector": "registry.protocols",
    "DetectorContext": "registry.protocols",
    "DifferentiableDetector": "registry.protocols",
    "Embedder": "registry.inference",
    "EmbeddingDetector": "registry.protocols",
    "Explain": "registry.protocols",
    "Explanation": "registry.types",
    "Face": "registry.types",
    "FaceScore": "registry.file_scores",
    "FaceSettings": "registry.settings",
    "FailureSettings": "registry.settings",
    "Features": "registry.types",
    "FineBackbone": "registry.backbone_protocols",
    "FinishedRun": "registry.revisiting",
    "FitContext": "registry.protocols",
    "FitReport": "registry.protocols",
    "Frame": "registry.types",
    "FrameSettings": "registry.settings",
    "FreezableNetwork": "registry.backbone_protocols",
    "LocalDetector": "registry.protocols",
    "Markup": "registry.markup",
    "PartAudit": "registry.audit_summary",
    "Prediction": "registry.file_scores",
    "Predictor": "registry.predicting",
    "Resolved": "registry.types",
    "Result": "registry.result",
    "Sample": "registry.types",
    "ScoredFace": "registry.revisiting",
    "Scores": "registry.types",
    "ScoringConfig": "registry.config",
    "TimmRecipe": "registry.timm_recipe",
    "TrainableBackbone": "registry.backbone_protocols",
    "TrainableNetwork": "registry.backbone_protocols",
    "Video": "registry.types",
    "VideoIndex": "registry.types",
    "WorkerSettings": "registry.settings",
    "add_config_flags": "registry.flags",
    "as_yaml": "registry.resolving",
    "build_timm_backbone": "registry.timm_recipe",
    "cache_dir": "registry.atomic",
    "check_inputs": "registry.file_command",
    "configure_for_detectors": "registry.detector_flags",
    "configure_for_files": "registry.file_command",
    "crop_face": "registry.crops",
    "shown_aspect": "registry.crops",
    "crop_mask": "registry.masks",
    "detector_context": "registry.context",
    "draw_weights": "registry.bootstrap",
    "evaluate": "registry.evaluation",
    "file_sha256": "registry.atomic",
    "fit": "registry.fitting",
    "given_flags": "registry.flags",
    "html_page": "registry.page",
    "interval": "registry.bootstrap",
    "joined": "registry.markup",
    "keep_audit": "registry.audit_summary",
    "load_yaml": "registry.resolving",
    "option": "registry.settings",
    "options_field": "registry.settings",
    "opened_folder": "registry.atomic",
    "picture_uri": "registry.page",
    "predict": "registry.predicting",
    "prepare_audit": "registry.auditing",
    "prepare_training": "registry.training",
    "print_table": "registry.console",
    "progress": "registry.console",
    "progress_bar": "registry.console",
    "real_crops": "registry.real_faces",
    "refuse_other_run": "registry.run_folder",
    "replacing": "registry.atomic",
    "resolve": "registry.resolving",
    "say": "registry.console",
    "say_above_bar": "registry.console",
    "table_head": "registry.markup",
    "tag": "registry.markup",
    "tell": "registry.console",
    "unscored": "registry.file_command",
    "writable_folder": "registry.atomic",
    "write_text": "registry.atomic",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
