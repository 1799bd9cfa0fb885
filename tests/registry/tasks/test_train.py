"""What a plugin that trains a network gets of the host."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from registry import (
    BackboneSpec,
    ConfigError,
    RealFaceSettings,
    TrainingSettings,
    prepare_faces,
    prepare_training,
)
from registry.plugins.discovery import Plugins, load_plugins
from tests.shared.still_backbone import StillBackbone, write_data


@pytest.fixture
def data(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    folders = {split: write_data(tmp_path / split, split=split) for split in ("train", "val")}
    return {split: (str(folder),) for split, folder in folders.items()}


def test_training_gets_the_faces_that_every_other_command_gets(
    data: dict[str, tuple[str, ...]],
) -> None:
    faces = prepare_faces(RealFaceSettings(quiet=True, **data))
    training = prepare_training(
        TrainingSettings(quiet=True, backbone="timm/test_efficientnet", weights="random", **data)
    )
    assert training.backbone.name == "timm/test_efficientnet"
    assert [len(faces.train), len(faces.val)] == [6, 6]  # the real ones alone
    assert faces.datasets == ("train", "val")
    for name in {each.name for each in fields(faces)} - {"train", "val"}:
        assert getattr(training, name) == getattr(faces, name), name
    for one, other in ((training.train, faces.train), (training.val, faces.val)):
        assert [each.key for each in one] == [each.key for each in other]


def test_a_backbone_that_cannot_be_trained_is_told(
    data: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = BackboneSpec(name="still", summary="-", build=StillBackbone)
    plugins = Plugins(records=(*load_plugins().records, still))
    monkeypatch.setattr("registry.tasks.train.load_plugins", lambda: plugins)
    with pytest.raises(ConfigError, match="its StillBackbone has no trainable"):
        prepare_training(TrainingSettings(quiet=True, backbone="still", weights="w", **data))
