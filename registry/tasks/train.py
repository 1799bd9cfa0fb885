"""What the host gives a plugin that trains a network: the network, real faces, a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from registry.backbones.build import build_backbone
from registry.backbones.device import resolve_device, warn_if_emulated
from registry.contracts.backbone import TrainableBackbone
from registry.contracts.types import Sample
from registry.data.index import data_fingerprint, find_index
from registry.data.options import data_options
from registry.errors import ConfigError
from registry.faces.reader import build_reader
from registry.faces.real_faces import find_splits, real_samples
from registry.plugins.chosen import choose_backbone, choose_faces
from registry.plugins.discovery import load_plugins
from registry.ranks import first_goes_first
from registry.settings.shared import RealFaceSettings, TrainingSettings

__all__ = [
    "FaceInputs",
    "TrainingInputs",
    "prepare_faces",
    "prepare_training",
    "real_faces_of",
]


@dataclass(frozen=True, kw_only=True)
class FaceInputs:
    """Real faces to learn from and to measure on, and where to compute."""

    device: str
    train: Sequence[Sample]
    val: Sequence[Sample]
    datasets: tuple[str, ...]
    data_fingerprint: str


@dataclass(frozen=True, kw_only=True)
class TrainingInputs(FaceInputs):
    """The network to train, and the real faces to train and select it on."""

    backbone: TrainableBackbone


def prepare_faces(config: RealFaceSettings) -> FaceInputs:
    """Find the real faces and the device that `config` names; BenchErrors say what is wrong."""
    import torch

    plugins = load_plugins()
    with first_goes_first():
        train, val = find_splits(config, plugins)
    reader = build_reader(choose_faces(plugins, config), config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    return FaceInputs(
        device=resolve_device(config.device),
        train=real_samples(train, reader, "train"),
        val=real_samples(val, reader, "val"),
        datasets=tuple(sorted({video.dataset for video in [*train, *val]})),
        data_fingerprint=data_fingerprint([*train, *val]),
    )


def real_faces_of(config: RealFaceSettings, name: str, split: str) -> Sequence[Sample]:
    """Find the real faces of one data set's split; BenchErrors say what is wrong."""
    plugins = load_plugins()
    index = find_index(name, split, plugins, data_options(config))
    return real_samples(index.videos, build_reader(choose_faces(plugins, config), config), split)


def prepare_training(config: TrainingSettings) -> TrainingInputs:
    """Build the backbone and find the data and the device that `config` names; BenchErrors say
    what is wrong.
    """
    faces = prepare_faces(config)
    for precision in dict.fromkeys((config.precision, config.val_precision)):
        warn_if_emulated(faces.device, precision)
    given = {each.name: getattr(faces, each.name) for each in fields(faces)}
    return TrainingInputs(backbone=_trainable(config), **given)


def _trainable(config: TrainingSettings) -> TrainableBackbone:
    backbone = build_backbone(
        choose_backbone(load_plugins(), config.backbone),
        config.weights,
        config.seed,
        config.threads,
        crop_from=config.crop_from,
    )
    if not isinstance(backbone, TrainableBackbone):
        raise ConfigError(
            f"backbone {config.backbone!r} cannot be trained: its {type(backbone).__name__} has no"
            " trainable(classes, seed); choose another (`bench list backbones`)"
        )
    return backbone
