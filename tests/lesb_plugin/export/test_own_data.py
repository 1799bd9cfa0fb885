"""Data of one's own into a DeepfakeBench checkout: prepared, then read by its own loader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry.cli import main

STAND_IN = Path(__file__).with_name("stand_in")
PACKAGES = Path(__file__).with_name("stand_in_packages")
_READ = """
import json, sys
from pathlib import Path
sys.path.insert(0, "training")
from lesb_plugin.export.checkout_mends import apply_mends
from lesb_plugin.export.checkout_sources import Sources
word = "imgaug always_apply get_device_name"
list(apply_mends(Sources({Path("a.py"): word}, ())))
from dataset.pictures import Pictures
import yaml
config = yaml.safe_load(open("training/config/test_config.yaml"))
config.update(resolution=64, mean=[0, 0, 0], std=[1, 1, 1], frame_num={"test": 2})
data = Pictures(config, sys.argv[1])
found = [[label, path, tuple(image.shape), *map(bool, data.beside(path))]
         for image, label, path in data]
print(json.dumps(found))
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(STAND_IN, tmp_path / "DeepfakeBench"))
    (folder / "preprocessing/dlib_tools/shape_predictor_81_face_landmarks.dat").touch()
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    return folder


def merge(checkout: Path, fragment: Path) -> None:
    """What the user is told to do."""
    path = checkout / "training/config/test_config.yaml"
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    config["label_dict"] |= yaml.safe_load(fragment.read_text())["label_dict"]
    path.write_text(yaml.safe_dump({**config, "lmdb": False}))


def read(checkout: Path, name: str) -> list[list[Any]]:
    """Label, path, shape, and whether landmarks and mask are there, as their loader finds them."""
    command = [sys.executable, "-W", "ignore", "-c", _READ, name]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("out", [None, "elsewhere"])
def test_what_prepare_writes_is_read_there_as_it_is(
    out: str | None, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["prepare", "toy", "--policy", "deepfakebench", "--face-detector", "dlib"]
    line += ["--crop-from", "auto", "--frames", "1", "--checkout", str(checkout)]
    line += ["--name", "mine", "--quiet", *(["--out", str(tmp_path / out)] if out else [])]
    assert main(line) == 0
    said = capsys.readouterr().out
    assert "under `label_dict:` in training/config/test_config.yaml:\n  mine_" in said
    place = tmp_path / out if out else checkout / "datasets/rgb"
    merge(checkout, place / "mine_label_dict.yaml")
    found = read(checkout, "mine")
    assert {label for label, *_ in found} == {0, 1}
    assert all(shape == [3, 64, 64] for _, _, shape, *_ in found)
    assert all(landmarks for *_, landmarks, _ in found)
    masks = {path: mask for _, path, _, _, mask in found}
    assert all(mask == ("_swap_" in path) for path, mask in masks.items() if "real" in path)
    assert any(masks.values())


@pytest.mark.slow
def test_the_json_goes_where_the_checkout_looks_for_it(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its releases name different folders."""
    config = checkout / "training/config/test_config.yaml"
    config.write_text(config.read_text().replace("dataset_json\n", "dataset_json_v3\n"))
    line = ["prepare", "toy", "--crop-from", "auto", "--frames", "1", "--size", "32", "--quiet"]
    assert main([*line, "--checkout", str(checkout), "--name", "mine"]) == 0
    assert (checkout / "preprocessing/dataset_json_v3/mine.json").is_file()
    assert "preprocessing/dataset_json_v3/mine.json; the data set is" in capsys.readouterr().out


@pytest.mark.slow
def test_no_checkout_and_names_that_it_would_misread(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["prepare", "toy", "--crop-from", "auto", "--face-detector", "dlib", "--quiet"]
    assert main([*line, "--checkout", str(tmp_path), "--name", "mine"]) == 2
    assert "no folder training/" in capsys.readouterr().err
    assert main([*line, "--checkout", str(checkout), "--name", "FF-DF"]) == 2
    assert "compression levels" in capsys.readouterr().err
    assert main([*line, "--checkout", str(checkout), "--name", "my_frames"]) == 2
    assert "by replacing `frames`" in capsys.readouterr().err
    assert main([*line, "--checkout", str(checkout)]) == 2
    assert "--name NAME" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Celeb-DF-v2", "dfdc", "FF-DF"])
def test_the_line_that_scores_works_whatever_known_name_the_set_bears(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["prepare", "toy", "--crop-from", "auto", "--face-detector", "dlib", "--frames", "1"]
    assert main([*line, "--size", "64", "--out", str(tmp_path), "--name", name, "--quiet"]) == 0
    said = capsys.readouterr().out
    (score,) = [each for each in said.splitlines() if each.startswith("score: bench eval ")]
    asked = score.removeprefix("score: bench ").split()
    run = ["--detector", "random", "--out", str(tmp_path / "run"), "--quiet", "--draws", "0"]
    assert main([*asked, *run]) == 0
    assert f"\n{name} " in capsys.readouterr().out
