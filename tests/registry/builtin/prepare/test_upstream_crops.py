"""Crops as DeepfakeBench's preprocessing makes them, by an independent way to them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from registry.cli import main
from registry.data.images import read_image

FIVE = (37, 44, 30, 49, 55)
# ArcFace's points in its square of 112 pixels, as published.
ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of faces of people who do not exist, larger than crops and not centred."""
    from registry.data.index import find_videos
    from registry.plugins.discovery import load_plugins

    folder = tmp_path_factory.mktemp("drawn")
    for number, video in enumerate(find_videos("toy", "test", load_plugins())[:6]):
        image = cv2.imread(str(video.frames[0].path))
        larger = cv2.resize(image, None, fx=0.6 + 0.4 * number, fy=0.6 + 0.4 * number)
        wide = cv2.copyMakeBorder(larger, 20, 40, 90, 10, cv2.BORDER_REPLICATE)
        cv2.imwrite(str(folder / f"{number}.png"), wide)
    return folder


def upstream(path: Path) -> np.ndarray | None:
    """One upsampling always, the widest face, five points by Umeyama's least squares, 256 px."""
    from skimage.transform import SimilarityTransform

    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    found = dlib.get_frontal_face_detector()(image, 1)
    if not found:
        return None
    largest = max(found, key=lambda each: each.width() * each.height())
    # Found and not imported: the package needs setuptools' pkg_resources, which is gone.
    package = importlib.util.find_spec("face_recognition_models")
    assert package is not None
    assert package.origin is not None
    name = "shape_predictor_68_face_landmarks.dat"
    predictor = dlib.shape_predictor(str(Path(package.origin).parent / "models" / name))
    shape = predictor(image, largest)
    points = np.array([[shape.part(at).x, shape.part(at).y] for at in FIVE], np.float64)
    target = (ARCFACE + 112 * 0.15) * 256 / (112 * 1.3)
    transform = SimilarityTransform()
    transform.estimate(points, target)
    return cv2.warpAffine(image, transform.params[:2], (256, 256))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_policy_deepfakebench_with_dlib_makes_upstreams_crops(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--policy", "deepfakebench", "--face-detector", "dlib", "--label", "real"]
    out = tmp_path / "mine"
    line = ["prepare", str(drawn), *asked, "--out", str(out), "--workers", "1", "--quiet"]
    assert main(line) == 0
    assert "other landmarks" in capsys.readouterr().out
    compared = 0
    for path in sorted(drawn.glob("*.png")):
        expected = upstream(path)
        crop = out / f"mine/mine_real/frames/real_{path.stem}/000.png"
        assert crop.is_file() == (expected is not None)
        if expected is None:
            continue
        apart = np.abs(read_image(crop).astype(int) - expected.astype(int))
        assert (apart <= 1).mean() > 0.99
        compared += 1
    assert compared >= 4
    settings = json.loads((out / "mine/prepare.json").read_text())
    assert settings["face_detector"] == "dlib_x2"

    assert main(["data", "check", "deepfakebench:mine", "--data-root", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "squares of 256 px, cut as DeepfakeBench's: corners are 0.0 px" in said
    assert "landmarker dlib68, not with those of DeepfakeBench's preprocessing" in said


@pytest.mark.slow
def test_other_squares_are_told_apart(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--policy", "sbi", "--size", "256", "--face-detector", "dlib", "--label", "real"]
    out = tmp_path / "mine"
    line = ["prepare", str(drawn), *asked, "--out", str(out), "--workers", "1", "--quiet"]
    assert main(line) == 0
    assert main(["data", "check", "deepfakebench:mine", "--data-root", str(out), "--quiet"]) == 0
    assert "squares of 256 px, not cut as DeepfakeBench's" in capsys.readouterr().out
