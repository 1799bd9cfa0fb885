"""Files for a DeepfakeBench checkout: a configuration, and one flat state dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from lesb_plugin.export.source import ExportSource
from registry import ConfigError, is_no_file, replacing

__all__ = ["Section", "configuration", "read_base", "section", "write_state"]

# The policy of the frames that DeepfakeBench's preprocessing and published data sets hold.
ALIGNED = "deepfakebench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the network is built from; the arguments of `load_source`."""

    backbone: str
    weights: str | None
    artefact: str | None
    fusion: str


def section(backbone: str, weights: str | None, artefact: str | None, fusion: str) -> Section:
    """Return the section with absolute paths, as the checkout is in another folder."""
    if weights is not None and not is_no_file(weights):
        weights = str(Path(weights).expanduser().resolve())
    if artefact is not None:
        artefact = str(Path(artefact).expanduser().resolve())
    return Section(backbone=backbone, weights=weights, artefact=artefact, fusion=fusion)


def _augmentation() -> dict[str, Any]:
    """Return the settings that are read when a data set is opened, but used only in training."""
    return {
        "flip_prob": 0.0,
        "rotate_prob": 0.0,
        "rotate_limit": [-10, 10],
        "blur_prob": 0.0,
        "blur_limit": [3, 7],
        "brightness_prob": 0.0,
        "brightness_limit": [-0.1, 0.1],
        "contrast_limit": [-0.1, 0.1],
        "quality_lower": 40,
        "quality_upper": 100,
    }


@dataclass(frozen=True, kw_only=True)
class _Configuration:
    """The keys that DeepfakeBench's test script and data sets read."""

    lesb: Section
    resolution: int
    model_name: str = "lesb"
    # The loader's images are to stay in [0, 1]: the backbone has a mean and std of its own.
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    test_dataset: tuple[str, ...] = ("Celeb-DF-v2",)
    train_dataset: tuple[str, ...] = ("FaceForensics++",)
    compression: str = "c23"
    frame_num: dict[str, int] = field(default_factory=lambda: {"train": 32, "test": 32})
    train_batchSize: int = 32  # noqa: N815 - their spelling
    test_batchSize: int = 32  # noqa: N815
    workers: int = 4
    with_mask: bool = False
    with_landmark: bool = False
    use_data_augmentation: bool = False
    data_aug: dict[str, Any] = field(default_factory=_augmentation)
    metric_scoring: str = "auc"
    manualSeed: int = 1024  # noqa: N815
    cuda: bool = True
    cudnn: bool = True
    save_feat: bool = False
    log_dir: str = "./logs/lesb"


# What follows from the network; all other keys are the checkout's own to set.
_OWN = ("lesb", "resolution", "model_name", "mean", "std")


def configuration(
    source: ExportSource, section: Section, base: Mapping[str, Any] | None = None
) -> str:
    """Return the YAML file as text, beginning with notes for its user.

    All keys of `base`, a configuration of the checkout, are kept, except those of _OWN.
    """
    size = source.network.crop.size
    values = asdict(_Configuration(lesb=section, resolution=size))
    merged = {**values, **(base or {}), **{name: values[name] for name in _OWN}}
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in merged.items()}
    return _heading(source) + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def read_base(path: Path) -> dict[str, Any]:
    """Return a detector's YAML of a checkout; a ConfigError if it is not one, or feeds clips."""
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, got {type(values).__name__}")
    if values.get("video_mode"):
        raise ConfigError(
            f"{path} is for a detector that takes clips (video_mode), and LESB takes"
            " single frames; use training/config/detector/xception.yaml"
        )
    return values


def write_state(source: ExportSource, path: Path) -> Path:
    """Return the state dict that the registered class loads strictly."""
    state = {f"network.{n}": t.contiguous() for n, t in source.network.state_dict().items()}
    with replacing(path) as unfinished:
        torch.save(state, unfinished)
    return path


def _heading(source: ExportSource) -> str:
    backbone, crop = source.backbone, source.network.crop
    lines = [
        "LESB for a DeepfakeBench checkout, by `bench export deepfakebench`. In the checkout:",
        "  python -m lesb_plugin.deepfakebench training/test.py --detector_path THIS_FILE \\",
        "      --weights_path lesb.pth --test_dataset Celeb-DF-v2",
        "",
        f"backbone: {backbone.name}, weights {backbone.weights}",
        f"  sha256 {backbone.weights_sha256}; license: {source.license}",
        f"artefact: {source.artefact.name}, parts {', '.join(source.network.parts)}",
        f"  sha256 {source.artefact_sha256}",
        "",
        f"Crops: fitted for crop policy {crop.name!r}, {crop.size} px, margin {crop.margin:g}.",
        *_about_crops(crop.name),
        "",
        "resolution is what the backbone takes and must stay. The class undoes mean and std,",
        "whatever they are, so the loader and the backbone agree. The section `lesb` says what the",
        "network is built from (null: what is shipped); lesb.pth is then loaded over it, strictly.",
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _about_crops(name: str) -> list[str]:
    if name == ALIGNED:
        return ["DeepfakeBench's frames are such crops: nothing is lost on the way."]
    return [
        "DeepfakeBench's frames are aligned crops (five landmarks, margin 0.3, 256 px) and are",
        "resized as they are: scores will differ from those of `bench eval` on frames of whole",
        f"videos, which crops them by {name!r}. A backbone whose crop policy is {ALIGNED!r}",
        "(dfb_xception, dfb_effb4) has no such difference.",
    ]
