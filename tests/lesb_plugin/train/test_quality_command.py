"""`bench quality`: what data and styles look like, side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lesb_plugin.train.quality_options import QualityConfig
from lesb_plugin.train.quality_table import measure_quality
from registry import resolve, sharpness
from registry.cli import main
from tests.shared.drawn_training import people


def _faces(folder: Path, sigma: float) -> Path:
    """A manifest of drawn people, blurred by `sigma`; two of them are val's."""
    folder.mkdir()
    lines = ["path,label,identity,split,landmarks"]
    for person in people(8):
        image, face = person.load()
        if sigma:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
        cv2.imwrite(str(folder / f"{person.number}.png"), image[..., ::-1])
        np.save(folder / f"{person.number}.npy", face.landmarks)
        split = ("train", "val")[person.number >= 6]
        lines.append(f"{person.number}.png,0,p{person.number},{split},{person.number}.npy")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_soft_data_is_told_from_sharp_and_from_what_a_style_makes_of_it(tmp_path: Path) -> None:
    sharp, soft = _faces(tmp_path / "sharp", 0), _faces(tmp_path / "soft", 3.0)
    style = tmp_path / "plain.yaml"
    style.write_text("families: {inpaint: 1}\n")
    values = {
        "dataset": (str(sharp), str(soft)), "split": "train", "train": (str(sharp),),
        "style": (str(style),), "workers": 0, "quiet": True, "size": 96,
    }  # fmt: skip
    rows = list(measure_quality(resolve(QualityConfig, None, (), values)))
    assert [row.source for row in rows[:2]] == ["sharp", "soft"]
    assert [len(row.sharpness) for row in rows] == [6, 6, 6]
    assert rows[1].sharpness.max() < rows[0].sharpness.min()
    assert rows[1].fine.max() < rows[0].fine.min()
    np.testing.assert_allclose(np.median(rows[2].sharpness), np.median(rows[0].sharpness), rtol=0.3)
    assert rows[0].width is not None
    assert rows[0].cells()[1] == "6"


def test_no_more_faces_than_asked_and_the_same_every_time(tmp_path: Path) -> None:
    data = _faces(tmp_path / "faces", 0)
    values = {"dataset": (str(data),), "split": "train", "faces": 3, "quiet": True, "size": 64}
    config = resolve(QualityConfig, None, (), values)
    found = [next(iter(measure_quality(config))) for _ in range(2)]
    assert len(found[0].sharpness) == 3
    np.testing.assert_array_equal(found[0].sharpness, found[1].sharpness)
    image, _ = people(1)[0].load()
    assert sharpness(image) > 0


def test_the_command_prints_a_row_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _faces(tmp_path / "faces", 0)
    assert main(["quality", "--dataset", str(data), "--split", "train", "--quiet"]) == 0
    assert "fine detail (dB)" in capsys.readouterr().out
    assert main(["quality"]) == 2
    assert "pass --dataset DATA" in capsys.readouterr().err
    assert main(["quality", "--train", str(data), "--style", "vidoe"]) == 2
    assert "did you mean 'video'" in capsys.readouterr().err
