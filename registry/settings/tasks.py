"""Settings of the commands as frozen dataclasses: a field is a flag, a YAML key and an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from registry.settings.shared import (
    DataSettings,
    DetectorSettings,
    FailureSettings,
    LearningSettings,
    ModelSettings,
    SeveralFacesSettings,
    VideoSettings,
    option,
    options_field,
    separated,
)

__all__ = [
    "AUTO",
    "AuditSettings",
    "CostConfig",
    "EvalConfig",
    "FitConfig",
    "PredictConfig",
    "ScoredDataSettings",
    "ScoringConfig",
]

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class ScoredDataSettings(DetectorSettings, FailureSettings, VideoSettings, DataSettings):
    """A detector and the labelled data that it scores."""

    fit_on: tuple[str, ...] = option((), "fit on this data first if no artefact is given")
    dataset: tuple[str, ...] = option(
        ("toy",), "data to score: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of the data to score")
    corrupt: tuple[str, ...] = option(
        (),
        "NAME:SEVERITY: damage every frame first (severity 1 to 5; NAME alone: all five; + chains"
        " damages, commas separate conditions): jpeg, resize, blur, noise, crop_shift, crop_scale,"
        " h264, h264_veryfast, h265, gamma",
    )

    @property
    def data_names(self) -> tuple[str, ...]:
        """Return the data sets as they stand in the name of a run's folder."""
        return tuple(map(_stem, self.dataset))


def _stem(dataset: str) -> str:
    """Name a data set; a manifest goes by its folder, or by its own stem."""
    path = Path(dataset.removeprefix("manifest:")).absolute()
    if path.suffix == ".csv":
        path = path.parent if path.name == "manifest.csv" else path.with_suffix("")
    return path.name.replace(":", "_")


@dataclass(frozen=True, kw_only=True)
class EvalConfig(ScoredDataSettings, SeveralFacesSettings):
    """What `bench eval` does; the same names are flags, YAML keys and arguments of `evaluate`."""

    folder: ClassVar[str] = "eval"

    detector: str = option("lesb", "detector to evaluate (`bench list detectors`)")
    limit: int | None = option(
        None,
        "a trial run: score at most this many real and this many fake videos of each data set; the"
        " fakes come from all methods in turn",
        min=1,
    )
    checkpoint_selection: Literal["unknown", "val", "last", "test"] = option(
        "unknown",
        "data on which --weights was selected among checkpoints, according to its authors",
    )
    out: str | None = option(None, "folder of the run (default: a new one under runs/)")
    metrics: tuple[str, ...] = option(
        ("auc", "ap", "eer", "accuracy", "false_alarms", "tpr_at_fpr_1", "tpr_at_fpr_5"),
        "metrics to compute, separated by commas (`bench list metrics`)",
    )
    profile: Literal["strict", "deepfakebench", "both"] = option(
        "strict",
        "how to compute metrics; deepfakebench: as that benchmark does, faults included"
        " (whole frames are resized as it does); both: strict, with the other beside it",
    )
    group: tuple[str, ...] = option(
        (),
        "NAME=PATTERN: add a row NAME that pools the methods whose names match, such as"
        " --group swaps='faceswap_*|*_alpha' (shell patterns in quotes, separated by |)",
    )
    draws: int = option(2000, "bootstrap draws per interval; 0 for none", min=0, max=1_000_000)
    chunk: int = option(
        256,
        "frames per chunk, the unit in which a run resumes; halved, down to 64, where that would"
        " give fewer than 64 chunks to be shared by processes",
        min=1,
    )
    cache: bool = option(True, "cache embeddings, so that another detector needs no forward pass")
    embeddings: Literal["float32", "float16"] = option(
        "float32",
        "how embeddings are stored, in the run and in the cache; float16 halves both and rounds"
        " each number to 11 bits",
    )
    overwrite: bool = option(False, "score again if --out holds results for other weights or data")
    reporters: tuple[str, ...] = option(("html",), "reports to write (`bench list reporters`)")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("metrics", "reporters"):
            object.__setattr__(self, name, separated(getattr(self, name)))


@dataclass(frozen=True, kw_only=True)
class AuditSettings(ScoredDataSettings):
    """What `prepare_audit` reads; a command that examines a detector adds fields of its own.

    One that `reads_parts` takes the detector's part scores where no explainer is named: detectors
    that are known to have none are then refused by `check_ready`.
    """

    folder: ClassVar[str]
    reads_parts: ClassVar[bool] = False

    explainer: str | None = option(
        None,
        "explainer to audit (`bench list explainers`; default: the detector's own part scores)",
    )
    explain: Mapping[str, Any] = options_field(
        "the explainer's own options, as in --set explain.method=layercam"
    )


@dataclass(frozen=True, kw_only=True)
class CostConfig(AuditSettings):
    """What `bench cost` measures, and what it predicts."""

    folder: ClassVar[str] = "eval"

    detector: str = option("lesb", "detector to evaluate (`bench list detectors`)")
    explainer: str | None = option(None, "explainer whose maps are measured too")
    sample: int = option(64, "frames to measure on, at least", min=4)
    images: int = option(3_000_000, "number of frames to predict the time for", min=1)
    processes: tuple[int, ...] = option((1, 8, 64), "processes, or GPUs, to predict it for", min=1)
    cores: int | None = option(None, "cores that each process has (default: as here)", min=1)
    forward_ms: float | None = option(
        None,
        "milliseconds per image of the forward pass on a GPU that this machine does not have, to"
        " predict for such GPUs: it is taken as given, and not measured",
        min=0.001,
    )
    storage: float | None = option(
        None, "megabytes per second that all processes together can read, where that is known"
    )


@dataclass(frozen=True, kw_only=True)
class FitConfig(ModelSettings, FailureSettings, LearningSettings):
    """What `bench fit` does; the same names are flags, YAML keys and arguments of `fit`."""

    folder: ClassVar[str] = "fit"

    detector: str = option("lesb", "detector to fit (`bench list detectors`)")
    backbone: str | None = option("sbi_efflite0", "backbone to fit it on (`bench list backbones`)")
    out: str | None = option(None, "folder of the artefact (default: runs/DETECTOR_BACKBONE)")
    workers: int = option(2, "number of workers that read, augment and crop", min=0)
    overwrite: bool = option(False, "replace an existing artefact")
    tensorboard: bool = option(True, "write curves, pictures and embeddings for TensorBoard")


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(DetectorSettings, SeveralFacesSettings, VideoSettings):
    """What scores the faces in files, and how; a command adds fields of its own."""

    folder: ClassVar[str]

    detector: str = option(
        AUTO,
        "detector that scores (`bench list detectors`); auto: the one that --artefact is"
        " for, else lesb_roi, or lesb if only that is fitted for the backbone",
    )
    reference: str = option(
        AUTO,
        "data with the real faces to compare scores with (at most --reference-faces of them):"
        " a path, or a name; auto: the"
        " faces of the val split stored with the detector's fit; without these, every"
        " verdict is UNDETERMINED",
    )
    reference_faces: int = option(
        100, "use at most this many faces of --reference; auto uses all of val", min=19
    )
    landmarks: str | None = option(None, "landmark predictor file")
    crop_from: Literal["auto", "landmarks", "detector", "frame", "frame_cubic"] = option(
        "auto",
        "where the face box comes from; auto: landmarks, from dlib unless another"
        " landmarker is named; frame: take images whole, as they are face crops already",
    )


@dataclass(frozen=True, kw_only=True)
class PredictConfig(ScoringConfig):
    """What `bench predict` does; the same names are flags, YAML keys and arguments of `predict`."""

    folder: ClassVar[str] = "predict"

    clips: bool = option(
        False,
        "read the images of a folder without sub-folders as the frames of one clip, in the order of"
        " the numbers in their names: one line for the folder",
    )
    json: bool = option(False, "JSON lines: one object per file, with every frame and face")
    out: str | None = option(
        None,
        "file to write the lines to, instead of standard output; after Ctrl-C it holds those of the"
        " files that are finished, and --start-at goes on in it",
    )
