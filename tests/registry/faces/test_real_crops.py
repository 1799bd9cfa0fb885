from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from registry import CropPolicy, DataError, real_crops
from registry.checks import example_crops

POLICY = CropPolicy(size=32)


def write(folder: Path, rows: list[tuple[str, int, str]]) -> str:
    """A manifest of drawn faces: name, label, split."""
    lines = ["path,label,landmarks,split"]
    for number, (name, label, split) in enumerate(rows):
        crop = example_crops(96, 1, seed=number)[0]
        cv2.imwrite(str(folder / f"{name}.png"), crop.image)
        assert crop.landmarks is not None
        np.save(folder / f"{name}.npy", crop.landmarks)
        lines.append(f"{name}.png,{label},{name}.npy,{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return str(folder)


def test_real_faces_come_of_val_first_and_never_of_test(tmp_path: Path) -> None:
    rows = [("t", 0, "test"), ("a", 0, "train"), ("v", 0, "val"), ("f", 1, "val")]
    found = real_crops(write(tmp_path, rows), POLICY, 9, quiet=True)
    assert [crop.video for crop in found] == ["v", "a"]
    assert all(crop.image.shape == (32, 32, 3) and crop.landmarks is not None for crop in found)
    assert len(real_crops(str(tmp_path), POLICY, 1, quiet=True)) == 1


def test_data_without_splits_gives_all_its_real_faces(tmp_path: Path) -> None:
    rows = [(name, 0, "") for name in "abcde"]
    found = real_crops(write(tmp_path, rows), POLICY, 9, quiet=True)
    assert {crop.video for crop in found} == set("abcde")


def test_a_face_that_cannot_be_read_is_left_out_and_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path, [("a", 0, ""), ("b", 0, "")])
    (tmp_path / "a.png").write_bytes(b"nothing")
    assert [crop.video for crop in real_crops(data, POLICY, 9)] == ["b"]
    assert "1 real faces of" in "".join(capsys.readouterr())


def test_data_without_a_real_face_is_an_error(tmp_path: Path) -> None:
    data = write(tmp_path, [("f", 1, "val")])
    with pytest.raises(DataError):
        real_crops(data, POLICY, 9, quiet=True)
