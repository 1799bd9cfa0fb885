"""A finished run again: its faces, cropped as they were, or what is no longer as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry import ConfigError, DataError, FinishedRun
from tests.shared.pictured_run import pictured_run
from tests.shared.synthetic_run import failed, row, run_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return pictured_run(tmp_path)


def test_faces_come_with_their_scores_and_parts(run: Path) -> None:
    found = FinishedRun(run)
    assert (len(found.faces), found.parts, found.name) == (8, ("eyes", "nose", "mouth"), "lesb")
    assert sorted(face.label for face in found.faces) == [0] * 4 + [1] * 4
    for face in found.faces:
        assert face.parts["nose"] == pytest.approx(face.score + 0.1)


@pytest.mark.slow
def test_a_face_is_cropped_as_the_record_says_without_any_weights(run: Path) -> None:
    found = FinishedRun(run)
    face = found.faces[0]
    crop = found.crop(face)
    x0, y0, x1, y1 = face.box
    image = cv2.imread(face.path)[y0:y1, x0:x1, ::-1]
    assert crop.image.tolist() == cv2.resize(image, (256, 256)).tolist()
    assert crop.landmarks is not None
    assert (crop.box, crop.video) == (face.box, face.video)
    assert "_model" not in vars(found)


def test_data_that_has_moved_is_told_and_can_be_pointed_at(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "data"
    moved.parent.mkdir()
    shutil.move(tmp_path / "data", moved)
    found = FinishedRun(run)
    with pytest.raises(DataError) as caught:
        found.crop(found.faces[0])
    assert "--set dataset=PATH" in caught.value.__notes__[0]
    again = FinishedRun(run, [f"dataset={moved}"])
    assert again.crop(again.faces[0]).image.shape == (256, 256, 3)


def test_a_single_file_that_is_gone_is_named(run: Path) -> None:
    found = FinishedRun(run)
    Path(found.faces[2].path).unlink()
    with pytest.raises(DataError, match=r"0\.png|1\.png|2\.png"):
        found.crop(found.faces[2])


def test_a_video_that_the_data_lacks_is_told(run: Path, tmp_path: Path) -> None:
    lines = (tmp_path / "data" / "manifest.csv").read_text().splitlines()
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines[:-1]) + "\n")
    found = FinishedRun(run)
    gone = found.faces[-1]
    with pytest.raises(DataError, match="is no longer in the data"):
        found.crop(gone)


def test_a_face_that_lies_elsewhere_now_is_refused(run: Path, tmp_path: Path) -> None:
    points = np.load(tmp_path / "data" / "landmarks.npy")
    np.save(tmp_path / "data" / "landmarks.npy", points + 5)
    found = FinishedRun(run)
    with pytest.raises(DataError, match=r"found at .* and the run scored"):
        found.crop(found.faces[0])


def test_rows_without_a_score_are_no_faces(tmp_path: Path) -> None:
    run_folder(tmp_path, [row(), failed("unreadable", video="w")])
    with pytest.raises(DataError, match=r"no config\.yaml"):
        FinishedRun(tmp_path)
    (tmp_path / "config.yaml").write_text("detector: random\n")
    assert [face.video for face in FinishedRun(tmp_path).faces] == ["v"]


def test_a_wrong_key_over_the_configuration_is_an_error(run: Path) -> None:
    with pytest.raises(ConfigError, match="data_root"):
        FinishedRun(run, ["data_rot=x"])
