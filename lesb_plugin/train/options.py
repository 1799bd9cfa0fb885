"""What `bench train` and `bench validate` do: every field is a flag, a YAML key and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry import FailureSettings, TrainingSettings, option

__all__ = ["TrainConfig", "ValSettings", "ValidateConfig"]


@dataclass(frozen=True, kw_only=True)
class ValSettings(FailureSettings, TrainingSettings):
    """Which fixed pseudo-fakes weights are judged by; a command adds what is judged."""

    group: ClassVar[str] = "validation"

    val_style: str = option("clean", "how the pairs that weights are judged by are made")
    val_fakes: int = option(16, "fixed pseudo-fakes of each face of the val split", min=1)
    val_reals: int = option(4, "of how many of them the real is scored as well", min=1)


@dataclass(frozen=True, kw_only=True)
class ValidateConfig(ValSettings):
    """What `bench validate` does."""

    folder: ClassVar[str] = "validate"

    backbone: str = option("sbi_efflite0", "backbone to judge (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    train: tuple[str, ...] = option((), "real faces whose val split is judged on, as in training")
    val: tuple[str, ...] = option((), "data to judge on; by default the val split of --train")
    out: str | None = option(None, "file to write the weights to, .safetensors, with --flagged")
    flagged: float | None = option(
        None,
        "share of val's reals that score above 0.5 with the weights in --out",
        min=1e-6,
        max=0.5,
    )
    overwrite: bool = option(False, "replace a file that is there")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ValSettings):
    """One training run; build it with `resolve`, which checks every value.

    The defaults are those of configs/train/clean.yaml.
    """

    folder: ClassVar[str] = "train"

    # What is trained, on what, and where it goes.
    val: tuple[str, ...] = option((), "data to select on; by default the val split of --train")
    out: str | None = option(None, "folder of the run; by default one named after the backbone")

    # Pseudo-fakes.
    style: str = option("clean", "how pairs are made: a YAML file, or one of configs/style")
    shuffled_labels: bool = option(False, "negative control: labels by chance; AUC must stay 0.5")

    # Optimisation.
    epochs: int = option(28, "passes over the real faces", min=1)
    pairs: int = option(16, "pairs of real and fake per step", min=1)
    optimiser: Literal["adamw", "sam"] = option("adamw", "AdamW, or SAM over SGD with momentum")
    learning_rate: float = option(1e-3, "largest step size", min=1e-9)
    head_rate: float = option(3.0, "the head's step size as a multiple of the trunk's", min=0)
    weight_decay: float = option(0.02, "of weights of two or more dimensions", min=0)
    momentum: float = option(0.9, "of SGD under SAM", min=0, max=0.999)
    rho: float = option(0.05, "radius of SAM", min=1e-6)
    schedule: Literal["cosine", "linear"] = option("cosine", "how the step size falls to 0")
    warmup: float = option(0.1, "share of the steps in which the step size rises", min=0, max=0.9)
    flat: float = option(0.0, "share of the steps before it starts to fall", min=0, max=0.99)
    smoothing: float = option(0.05, "label smoothing", min=0, max=0.5)
    aux: Literal["masks", "parts", "none"] = option(
        "masks",
        "second lesson, on a feature map: where was it changed? masks: at every position; parts:"
        " which of the face's parts; none",
    )
    aux_weight: float = option(2.0, "weight of the second lesson's loss", min=0)
    frozen: int = option(
        0, "first stages of the network, its stem among them, that stay as they are", min=0
    )
    clip: float = option(2.0, "largest norm of the gradient; 0 for no clipping", min=0)
    ema: float = option(0.995, "decay per step of averaged weights; 0 for no average", max=0.9999)

    # Selection, checkpoints, time.
    flagged: float = option(
        0.05,
        "share of val's reals that score above 0.5 with the weights that are kept; 0: as trained",
        min=0,
        max=0.5,
    )
    val_every: int = option(4, "epochs from one validation to the next", min=1)
    checkpoint_minutes: float = option(5.0, "minutes from one checkpoint to the next", min=0)
    minutes: float | None = option(
        None, "stop in good order after so many minutes of training", min=0
    )
    resume: bool = option(False, "go on from the checkpoint in --out")
    overwrite: bool = option(False, "replace a run that is there")

    # The machine.
    workers: int = option(1, "worker processes that make pairs", min=0)
    threads: int | None = option(None, "threads of the network; by default torch's", min=1)
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "precision of a training step; bfloat16 is autocast"
    )
    val_precision: Literal["float32", "bfloat16"] = option("float32", "precision of validation")
    tensorboard: bool = option(True, "write scalars and images for TensorBoard")
