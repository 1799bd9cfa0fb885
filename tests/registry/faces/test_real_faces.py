from __future__ import annotations

from pathlib import Path

import pytest

from registry.faces.real_faces import find_splits
from registry.plugins.discovery import load_plugins
from registry.settings.load import resolve
from registry.settings.tasks import FitConfig
from tests.shared.layouts import write_frames, write_json


def test_fitting_reads_an_index_with_the_flags_of_eval_and_says_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = {
        split: {
            split: {
                "label": "X_real",
                "frames": write_frames(tmp_path, f"X/real/frames/{split}", 2),
            }
        }
        for split in ("train", "val")
    }
    write_json(tmp_path / "json" / "X.json", {"X_real": splits})
    flags = {"train": ["deepfakebench:X"], "json_dir": str(tmp_path / "json")}
    config = resolve(FitConfig, flags={**flags, "data_root": str(tmp_path)})
    train, val = find_splits(config, load_plugins())
    assert [video.id for video in train] == ["X_real/train"]
    assert [video.id for video in val] == ["X_real/val"]
    out = capsys.readouterr().out
    assert "X, split train, listed files that were found: X_real 2/2 (100.0%)" in out
    quiet = resolve(FitConfig, flags={**flags, "data_root": str(tmp_path), "quiet": True})
    find_splits(quiet, load_plugins())
    assert capsys.readouterr().out == ""


def test_data_named_twice_counts_once(tmp_path: Path) -> None:
    splits = {
        split: {split: {"label": "X_real", "frames": write_frames(tmp_path, f"X/{split}", 2)}}
        for split in ("train", "val")
    }
    write_json(tmp_path / "json" / "X.json", {"X_real": splits})
    flags = {"json_dir": str(tmp_path / "json"), "data_root": str(tmp_path), "quiet": True}
    config = resolve(FitConfig, flags={**flags, "train": ["deepfakebench:X"] * 2})
    train, val = find_splits(config, load_plugins())
    assert [video.id for video in train] == ["X_real/train"]
    assert [video.id for video in val] == ["X_real/val"]
