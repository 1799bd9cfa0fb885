"""The host: plugins, data, metrics and results of a deepfake-detection benchmark; no detector.

`__all__` is all that a plugin may import; what needs torch, cv2 or numpy is loaded on first use.
"""

from __future__ import annotations

import importlib.metadata
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
    reading,
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
    from registry.backbones.recipe import TimmRecipe, spec_of
    from registry.backbones.timm_recipe import build_timm_backbone
    from registry.cli.detector_flags import configure_for_detectors
    from registry.cli.file_record import file_record
    from registry.cli.flags import add_config_flags, add_dry_run_flag, add_json_flag, given_flags
    from registry.cli.processes import end_with_parent, on_interrupt
    from registry.cli.verdict_lines import (
        VERDICT_COLUMNS,
        VerdictLines,
        line_notes,
        plain_sentence,
        verdict_cells,
    )
    from registry.console import (
        numbered_steps,
        print_plan,
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
        QualityCalibratedDetector,
    )
    from registry.contracts.embedder import Embedder
    from registry.contracts.traits import DescribedDetector, DetectorTraits, traits_of
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
    from registry.data.codecs import CODECS, Coding, Motion, missing_encoders, video_frame
    from registry.data.file_facts import file_facts
    from registry.data.in_memory import Picture, as_files
    from registry.data.inputs import find_media
    from registry.faces.aligned_crop import similarity
    from registry.faces.corruptions import conditions
    from registry.faces.crops import crop_face, shown_aspect
    from registry.faces.masks import crop_mask
    from registry.faces.quality import fine_detail, sharpness
    from registry.faces.real_faces import real_crops
    from registry.files import (
        cache_dir,
        cache_or_scratch,
        file_sha256,
        opened_folder,
        read_json,
        replacing,
        writable_folder,
        write_text,
    )
    from registry.fingerprints import fingerprint
    from registry.html.markup import Markup, breakable, joined, table_head, tag
    from registry.html.page import html_page, picture_uri
    from registry.leftovers import scratch_folder
    from registry.owner import owned_folder
    from registry.plugins.needs import is_no_file
    from registry.ranks import (
        Rank,
        add_up,
        dealt_back,
        gather,
        gather_at_first,
        mark_begun,
        meeting,
        of_first,
        this_rank,
        wait_for_all,
        was_begun,
    )
    from registry.results.audit_summary import AuditFigure, AuditSummary, PartAudit, keep_audit
    from registry.results.bootstrap import draw_weights, interval
    from registry.results.conformal import FEWEST_REALS, QualityClasses, by_quality, conformal_p
    from registry.results.figure import CountedFigure
    from registry.results.file_scores import FaceScore, FrameScore, Prediction
    from registry.results.fit_report import artefact_file
    from registry.results.frame_runs import Segment
    from registry.results.part_scale import PartScale
    from registry.results.prediction_list import Predictions
    from registry.results.provenance import package_versions
    from registry.results.result import Result
    from registry.results.robustness import CLEAN, CORRUPTED
    from registry.results.robustness_report import Dose, print_robustness, write_robustness
    from registry.results.roc import auc, auc_weighted
    from registry.results.verdict import FileVerdict, PartRow, judge
    from registry.scoring.sealed import cache_sealed, read_sealed, sealed_names
    from registry.settings.coerce import build
    from registry.settings.load import as_yaml, load_yaml, resolve
    from registry.settings.shared import (
        BatchSettings,
        ComputeSettings,
        DataSettings,
        FaceSettings,
        FailureSettings,
        FrameSettings,
        RealFaceSettings,
        TrainingSettings,
        WorkerSettings,
        option,
        options_field,
        separated,
    )
    from registry.settings.tasks import AuditSettings, ScoringConfig
    from registry.shared_work import map_shared, shared_bar, shared_progress
    from registry.special_files import refuse_special
    from registry.tasks.audit import AuditInputs, prepare_audit
    from registry.tasks.context import detector_context
    from registry.tasks.corrupted import Corrupted, evaluate_corrupted
    from registry.tasks.evaluate import evaluate
    from registry.tasks.explain import explain
    from registry.tasks.file_commands import check_inputs, configure_for_files, unscored
    from registry.tasks.finished_run import FinishedRun, ScoredFace
    from registry.tasks.fit import fit
    from registry.tasks.predict import Predictor, predict
    from registry.tasks.ready import check_ready
    from registry.tasks.reference import reference_data
    from registry.tasks.run_folder import refuse_other_run
    from registry.tasks.speed import SpeedTrial
    from registry.tasks.train import FaceInputs, prepare_faces, prepare_training, real_faces_of

__version__ = importlib.metadata.version("lesb-plugin")

__all__ = [
    "CLEAN", "CODECS", "CORRUPTED", "FEWEST_REALS", "VERDICT_COLUMNS", "ArtefactSpec",
    "AuditFigure", "AuditInputs", "AuditSettings", "AuditSummary", "Backbone", "BackboneSpec",
    "BatchSettings", "BenchError", "CalibratedDetector", "Coding", "CommandSpec", "ComputeSettings",
    "ConfigError", "Corrupted", "CountedFigure", "Crop", "CropPolicy", "DataError", "DataOptions",
    "DataSettings", "DatasetRequest", "DatasetSpec", "DescribedDetector", "Detector",
    "DetectorContext", "DetectorSpec", "DetectorTraits", "DifferentiableDetector", "Dose",
    "Embedder", "EmbeddingDetector", "EmptySplitError", "Explain", "ExplainerSpec", "Explanation",
    "Face", "FaceDetectorSpec", "FaceInputs", "FaceScore", "FaceSettings", "FailureSettings",
    "Features", "FileVerdict", "FineBackbone", "FinishedRun", "FitContext", "FitReport", "Frame",
    "FrameScore", "FrameSettings", "FreezableNetwork", "LandmarkerSpec", "LocalDetector", "Markup",
    "MetricSpec", "Motion", "NotFittedError", "PartAudit", "PartRow", "PartScale", "Picture",
    "PluginError", "Prediction", "Predictions", "Predictor", "QualityCalibratedDetector",
    "QualityClasses", "Rank", "RealFaceSettings", "ReporterSpec", "Resolved", "Result", "Sample",
    "ScoredFace", "Scores", "ScoringConfig", "Segment", "SpeedTrial", "TimmRecipe",
    "TrainableBackbone", "TrainableNetwork", "Training", "TrainingSettings", "UndefinedMetricError",
    "UnknownNameError", "VerdictLines", "Video", "VideoIndex", "WorkerSettings", "WrapperSpec",
    "__version__", "add_config_flags", "add_dry_run_flag", "add_json_flag", "add_up",
    "artefact_file", "as_files", "as_yaml", "auc", "auc_weighted", "breakable", "build",
    "build_timm_backbone", "by_quality", "cache_dir", "cache_or_scratch", "cache_sealed",
    "check_inputs", "check_ready", "conditions", "configure_for_detectors", "configure_for_files",
    "conformal_p", "crop_face", "crop_mask", "dealt_back", "detector_context", "draw_weights",
    "end_with_parent", "evaluate", "evaluate_corrupted", "explain", "file_facts", "file_record",
    "file_sha256", "find_media", "fine_detail", "fingerprint", "fit", "gather", "gather_at_first",
    "given_flags", "hookimpl", "html_page", "interval", "is_no_file", "joined", "judge",
    "keep_audit", "lazy", "line_notes", "load_yaml", "map_shared", "mark_begun", "meeting",
    "missing_encoders", "numbered_steps", "of_first", "on_interrupt", "opened_folder", "option",
    "options_field", "owned_folder", "package_versions", "picture_uri", "plain_sentence", "predict",
    "prepare_audit", "prepare_faces", "prepare_training", "print_plan", "print_robustness",
    "print_table", "progress", "progress_bar", "read_json", "read_sealed", "reading", "real_crops",
    "real_faces_of", "reference_data", "refuse_other_run", "refuse_special", "replacing", "resolve",
    "say", "say_above_bar", "say_block", "scratch_folder", "sealed_names", "separated",
    "shared_bar", "shared_progress", "sharpness", "shown_aspect", "similarity", "spec_of",
    "table_head", "tag", "tell", "this_rank", "traits_of", "unscored", "verdict_cells",
    "video_frame", "wait_for_all", "was_begun", "writable_folder", "write_robustness", "write_text",
]  # fmt: skip

_PLACES = {
    "registry.backbones.recipe": "TimmRecipe spec_of",
    "registry.backbones.timm_recipe": "build_timm_backbone",
    "registry.cli.detector_flags": "configure_for_detectors",
    "registry.cli.file_record": "file_record",
    "registry.cli.flags": "add_config_flags add_dry_run_flag add_json_flag given_flags",
    "registry.console": (
        "numbered_steps print_plan print_table progress progress_bar say say_above_bar say_block"
        " tell"
    ),
    "registry.contracts.backbone": (
        "Backbone FineBackbone FreezableNetwork TrainableBackbone TrainableNetwork"
    ),
    "registry.contracts.detector": (
        "CalibratedDetector Detector DetectorContext DifferentiableDetector EmbeddingDetector "
        "Explain FitContext FitReport LocalDetector QualityCalibratedDetector"
    ),
    "registry.contracts.embedder": "Embedder",
    "registry.contracts.traits": "DescribedDetector DetectorTraits traits_of",
    "registry.contracts.types": (
        "Crop CropPolicy DataOptions DatasetRequest Explanation Face Features Frame Resolved "
        "Sample Scores Video VideoIndex"
    ),
    "registry.data.codecs": "CODECS Coding Motion missing_encoders video_frame",
    "registry.faces.quality": "fine_detail sharpness",
    "registry.ranks": (
        "Rank add_up dealt_back gather gather_at_first mark_begun meeting of_first this_rank "
        "wait_for_all was_begun"
    ),
    "registry.results.conformal": "FEWEST_REALS QualityClasses by_quality conformal_p",
    "registry.results.fit_report": "artefact_file",
    "registry.faces.aligned_crop": "similarity",
    "registry.faces.crops": "crop_face shown_aspect",
    "registry.faces.masks": "crop_mask",
    "registry.faces.real_faces": "real_crops",
    "registry.files": (
        "cache_dir cache_or_scratch file_sha256 opened_folder read_json replacing "
        "writable_folder write_text"
    ),
    "registry.fingerprints": "fingerprint",
    "registry.owner": "owned_folder",
    "registry.html.markup": "Markup breakable joined table_head tag",
    "registry.html.page": "html_page picture_uri",
    "registry.results.audit_summary": "AuditFigure AuditSummary PartAudit keep_audit",
    "registry.results.bootstrap": "draw_weights interval",
    "registry.cli.verdict_lines": (
        "VERDICT_COLUMNS VerdictLines line_notes plain_sentence verdict_cells"
    ),
    "registry.data.file_facts": "file_facts",
    "registry.data.inputs": "find_media",
    "registry.data.in_memory": "Picture as_files",
    "registry.results.prediction_list": "Predictions",
    "registry.results.file_scores": "FaceScore FrameScore Prediction",
    "registry.results.frame_runs": "Segment",
    "registry.results.part_scale": "PartScale",
    "registry.results.verdict": "PartRow FileVerdict judge",
    "registry.tasks.reference": "reference_data",
    "registry.results.provenance": "package_versions",
    "registry.results.result": "Result",
    "registry.results.figure": "CountedFigure",
    "registry.results.robustness": "CLEAN CORRUPTED",
    "registry.results.robustness_report": "Dose print_robustness write_robustness",
    "registry.faces.corruptions": "conditions",
    "registry.results.roc": "auc auc_weighted",
    "registry.settings.coerce": "build",
    "registry.settings.load": "as_yaml load_yaml resolve",
    "registry.settings.shared": (
        "BatchSettings ComputeSettings DataSettings FaceSettings FailureSettings FrameSettings "
        "RealFaceSettings TrainingSettings WorkerSettings option options_field separated"
    ),
    "registry.settings.tasks": "AuditSettings ScoringConfig",
    "registry.shared_work": "map_shared shared_bar shared_progress",
    "registry.special_files": "refuse_special",
    "registry.tasks.audit": "AuditInputs prepare_audit",
    "registry.tasks.context": "detector_context",
    "registry.tasks.corrupted": "Corrupted evaluate_corrupted",
    "registry.tasks.evaluate": "evaluate",
    "registry.tasks.finished_run": "FinishedRun ScoredFace",
    "registry.tasks.explain": "explain",
    "registry.tasks.fit": "fit",
    "registry.tasks.file_commands": "check_inputs configure_for_files unscored",
    "registry.tasks.predict": "Predictor predict",
    "registry.tasks.ready": "check_ready",
    "registry.tasks.run_folder": "refuse_other_run",
    "registry.tasks.speed": "SpeedTrial",
    "registry.tasks.train": "FaceInputs prepare_faces prepare_training real_faces_of",
    "registry.leftovers": "scratch_folder",
    "registry.plugins.needs": "is_no_file",
    "registry.scoring.sealed": "cache_sealed read_sealed sealed_names",
    "registry.cli.processes": "end_with_parent on_interrupt",
}
_ON_FIRST_USE = {name: place for place, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    """List the public names, with those that are loaded on first use."""
    return sorted(__all__)
