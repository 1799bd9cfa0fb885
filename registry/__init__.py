"""The host: plugins, data, metrics and results of a deepfake-detection benchmark; no detector.

`__all__` is the public API and all that a plugin may import. Importing it loads no torch, no cv2
and no numpy; what needs them is loaded on first use.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

from registry.contracts.training import Training
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
from registry.plugins.hookspecs import hookimpl
from registry.plugins.specs import (
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
    from registry.backbones.timm_recipe import TimmRecipe, build_timm_backbone
    from registry.cli.detector_flags import configure_for_detectors
    from registry.cli.file_commands import check_inputs, configure_for_files, unscored
    from registry.cli.flags import add_config_flags, given_flags
    from registry.console import (
        print_table,
        progress,
        progress_bar,
        say,
        say_above_bar,
        say_block,
        tell,
    )
    from registry.contracts.backbone import (
        Backbone,
        FineBackbone,
        FreezableNetwork,
        TrainableBackbone,
        TrainableNetwork,
    )
    from registry.contracts.detector import (
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
    from registry.contracts.embedder import Embedder
    from registry.contracts.types import (
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
    from registry.errors import reading
    from registry.faces.crops import crop_face, shown_aspect
    from registry.faces.masks import crop_mask
    from registry.faces.real_faces import real_crops
    from registry.files import (
        cache_dir,
        cache_or_scratch,
        file_sha256,
        opened_folder,
        read_json,
        refuse_special,
        replacing,
        writable_folder,
        write_text,
    )
    from registry.html.markup import Markup, joined, table_head, tag
    from registry.html.page import html_page, picture_uri
    from registry.leftovers import scratch_folder
    from registry.processes import end_with_parent
    from registry.results.audit_summary import AuditFigure, AuditSummary, PartAudit, keep_audit
    from registry.results.bootstrap import draw_weights, interval
    from registry.results.file_scores import FaceScore, Prediction
    from registry.results.result import Result
    from registry.sealed import cache_sealed, read_sealed
    from registry.settings.load import as_yaml, load_yaml, resolve
    from registry.settings.shared import (
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
    from registry.settings.tasks import ScoringConfig
    from registry.tasks.audit import AuditInputs, prepare_audit
    from registry.tasks.context import detector_context
    from registry.tasks.evaluate import evaluate
    from registry.tasks.finished_run import FinishedRun, ScoredFace
    from registry.tasks.fit import fit
    from registry.tasks.predict import Predictor, predict
    from registry.tasks.run_folder import refuse_other_run
    from registry.tasks.train import prepare_training

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
    "cache_or_scratch",
    "cache_sealed",
    "check_inputs",
    "configure_for_detectors",
    "configure_for_files",
    "crop_face",
    "crop_mask",
    "detector_context",
    "draw_weights",
    "end_with_parent",
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
    "read_json",
    "read_sealed",
    "reading",
    "real_crops",
    "refuse_other_run",
    "refuse_special",
    "replacing",
    "resolve",
    "say",
    "say_above_bar",
    "say_block",
    "scratch_folder",
    "shown_aspect",
    "table_head",
    "tag",
    "tell",
    "unscored",
    "writable_folder",
    "write_text",
]

_ON_FIRST_USE = {
    "AuditFigure": "registry.results.audit_summary",
    "AuditInputs": "registry.tasks.audit",
    "AuditSummary": "registry.results.audit_summary",
    "Backbone": "registry.contracts.backbone",
    "BatchSettings": "registry.settings.shared",
    "CalibratedDetector": "registry.contracts.detector",
    "ComputeSettings": "registry.settings.shared",
    "Crop": "registry.contracts.types",
    "CropPolicy": "registry.contracts.types",
    "DataOptions": "registry.contracts.types",
    "DataSettings": "registry.settings.shared",
    "DatasetRequest": "registry.contracts.types",
    "Detector": "registry.contracts.detector",
    "DetectorContext": "registry.contracts.detector",
    "DifferentiableDetector": "registry.contracts.detector",
    "Embedder": "registry.contracts.embedder",
    "EmbeddingDetector": "registry.contracts.detector",
    "Explain": "registry.contracts.detector",
    "Explanation": "registry.contracts.types",
    "Face": "registry.contracts.types",
    "FaceScore": "registry.results.file_scores",
    "FaceSettings": "registry.settings.shared",
    "FailureSettings": "registry.settings.shared",
    "Features": "registry.contracts.types",
    "FineBackbone": "registry.contracts.backbone",
    "FinishedRun": "registry.tasks.finished_run",
    "FitContext": "registry.contracts.detector",
    "FitReport": "registry.contracts.detector",
    "Frame": "registry.contracts.types",
    "FrameSettings": "registry.settings.shared",
    "FreezableNetwork": "registry.contracts.backbone",
    "LocalDetector": "registry.contracts.detector",
    "Markup": "registry.html.markup",
    "PartAudit": "registry.results.audit_summary",
    "Prediction": "registry.results.file_scores",
    "Predictor": "registry.tasks.predict",
    "Resolved": "registry.contracts.types",
    "Result": "registry.results.result",
    "Sample": "registry.contracts.types",
    "ScoredFace": "registry.tasks.finished_run",
    "Scores": "registry.contracts.types",
    "ScoringConfig": "registry.settings.tasks",
    "TimmRecipe": "registry.backbones.timm_recipe",
    "TrainableBackbone": "registry.contracts.backbone",
    "TrainableNetwork": "registry.contracts.backbone",
    "Video": "registry.contracts.types",
    "VideoIndex": "registry.contracts.types",
    "WorkerSettings": "registry.settings.shared",
    "add_config_flags": "registry.cli.flags",
    "as_yaml": "registry.settings.load",
    "build_timm_backbone": "registry.backbones.timm_recipe",
    "cache_dir": "registry.files",
    "check_inputs": "registry.cli.file_commands",
    "configure_for_detectors": "registry.cli.detector_flags",
    "configure_for_files": "registry.cli.file_commands",
    "crop_face": "registry.faces.crops",
    "shown_aspect": "registry.faces.crops",
    "crop_mask": "registry.faces.masks",
    "detector_context": "registry.tasks.context",
    "draw_weights": "registry.results.bootstrap",
    "evaluate": "registry.tasks.evaluate",
    "file_sha256": "registry.files",
    "fit": "registry.tasks.fit",
    "given_flags": "registry.cli.flags",
    "html_page": "registry.html.page",
    "interval": "registry.results.bootstrap",
    "joined": "registry.html.markup",
    "keep_audit": "registry.results.audit_summary",
    "load_yaml": "registry.settings.load",
    "option": "registry.settings.shared",
    "options_field": "registry.settings.shared",
    "opened_folder": "registry.files",
    "picture_uri": "registry.html.page",
    "predict": "registry.tasks.predict",
    "prepare_audit": "registry.tasks.audit",
    "prepare_training": "registry.tasks.train",
    "print_table": "registry.console",
    "progress": "registry.console",
    "progress_bar": "registry.console",
    "real_crops": "registry.faces.real_faces",
    "refuse_other_run": "registry.tasks.run_folder",
    "replacing": "registry.files",
    "resolve": "registry.settings.load",
    "say": "registry.console",
    "say_above_bar": "registry.console",
    "table_head": "registry.html.markup",
    "tag": "registry.html.markup",
    "tell": "registry.console",
    "unscored": "registry.cli.file_commands",
    "writable_folder": "registry.files",
    "write_text": "registry.files",
    "scratch_folder": "registry.leftovers",
    "read_sealed": "registry.sealed",
    "cache_sealed": "registry.sealed",
    "read_json": "registry.files",
    "cache_or_scratch": "registry.files",
    "say_block": "registry.console",
    "reading": "registry.errors",
    "refuse_special": "registry.files",
    "end_with_parent": "registry.processes",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)
