"""Settings of `bench train` and `bench validate`: every field is a flag, a YAML key, an
argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry import FailureSettings, TrainingSettings, option

__all__ = ["TrainConfig", "ValSettings", "ValidateConfig"]


@dataclass(frozen=True, kw_only=True)
class ValSettings(FailureSettings, TrainingSettings):
    """The fixed pseudo-fakes that weights are validated on; a command adds the weights."""

    group: ClassVar[str] = "validation"

    val_style: str = option("clean", "style of the pseudo-fakes that weights are validated on")
    val_fakes: int = option(16, "fixed pseudo-fakes per face of the val split", min=1)
    val_reals: int = option(4, "how many of them are scored together with their real face", min=1)


@dataclass(frozen=True, kw_only=True)
class ValidateConfig(ValSettings):
    """Settings of `bench validate`."""

    folder: ClassVar[str] = "validate"

    backbone: str = option("sbi_efflite0", "backbone to validate (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    train: tuple[str, ...] = option((), "real faces whose val split is used, as in training")
    val: tuple[str, ...] = option((), "data to validate on (default: the val split of --train)")
    split: Literal["val", "train"] = option(
        "val",
        "split of --train; train (as many of its faces) tells how well the weights fit the faces"
        " that they were trained on",
    )
    out: str | None = option(
        None, "with --flagged: file to write the recalibrated weights to, .safetensors"
    )
    flagged: float | None = option(
        None,
        "recalibrate: share of val's reals that scores above 0.5 with the weights in --out",
        min=1e-6,
        max=0.5,
    )
    overwrite: bool = option(False, "replace an existing file")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ValSettings):
    """One training run; build it with `resolve`, which checks every value.

    The defaults are those of configs/train/clean.yaml.
    """

    folder: ClassVar[str] = "train"

    # What is trained, on what, and where it goes.
    val: tuple[str, ...] = option(
        (), "data to select weights on (default: the val split of --train)"
    )
    out: str | None = option(None, "folder of the run (default: named after the backbone)")

    # Pseudo-fakes.
    style: str = option("clean", "how to make pairs: a YAML file, or one of configs/style")
    shuffled_labels: bool = option(False, "negative control: random labels; AUC must stay at 0.5")

    # Optimisation.
    epochs: int = option(28, "passes over the real faces", min=1)
    pairs: int = option(16, "pairs of real and fake per step", min=1)
    optimiser: Literal["adamw", "sam"] = option("adamw", "AdamW, or SAM over SGD with momentum")
    learning_rate: float = option(1e-3, "largest step size", min=1e-9)
    head_rate: float = option(3.0, "the head's step size as a multiple of the trunk's", min=0)
    weight_decay: float = option(0.02, "weight decay, for weights of two or more dimensions", min=0)
    momentum: float = option(0.9, "momentum of SGD under SAM", min=0, max=0.999)
    rho: float = option(0.05, "radius of SAM", min=1e-6)
    schedule: Literal["cosine", "linear"] = option("cosine", "how the step size falls to 0")
    warmup: float = option(
        0.1, "share of the steps during which the step size rises", min=0, max=0.9
    )
    flat: float = option(0.0, "share of the steps before the step size falls", min=0, max=0.99)
    smoothing: float = option(0.05, "label smoothing", min=0, max=0.5)
    batch_norm: Literal["auto", "synchronised", "per-rank", "frozen"] = option(
        "auto",
        "statistics: frozen are those of the weights that the run begins with; else of each pass,"
        " under torchrun of the images of all processes or of each one's own; auto: synchronised"
        " on GPUs",
    )
    aux: Literal["masks", "parts", "none"] = option(
        "masks",
        "second task on a feature map: where was the face changed? masks: at every"
        " position; parts: which part of the face; none: no second task",
    )
    aux_weight: float = option(2.0, "weight of the second task's loss", min=0)
    frozen: int = option(0, "how many of the first stages to freeze, the stem included", min=0)
    clip: float = option(2.0, "clip the gradient to this norm; 0 for no clipping", min=0)
    ema: float = option(
        0.995, "decay per step of the averaged weights; 0 for no average", max=0.9999
    )

    # Selection, checkpoints, time.
    flagged: float = option(
        0.05,
        (
            "calibrate the weights: share of val's reals that scores above 0.5; 0 leaves them"
            " as trained"
        ),
        min=0,
        max=0.5,
    )
    val_every: int = option(4, "epochs between validations", min=1)
    checkpoint_minutes: float = option(5.0, "minutes between checkpoints", min=0)
    minutes: float | None = option(None, "stop cleanly after this many minutes of training", min=0)
    resume: bool = option(False, "continue from the checkpoint in --out")
    overwrite: bool = option(False, "replace an existing run")

    # The machine.
    workers: int = option(1, "worker processes that make pairs", min=0)
    threads: int | None = option(None, "CPU threads (default: torch's own choice)", min=1)
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "precision of a training step; bfloat16 is autocast"
    )
    val_precision: Literal["float32", "bfloat16"] = option("float32", "precision of validation")
    tensorboard: bool = option(True, "write scalars and images for TensorBoard")
