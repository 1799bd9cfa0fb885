from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.builtin.faces.dlib_models import (
    _FILES,
    _load_once,
    _packaged,
    build_dlib,
    build_dlib68,
    build_dlib81,
)
from registry.contracts.types import Face, Frame
from registry.data.images import read_image
from registry.data.index import find_videos
from registry.errors import ConfigError, DataError
from registry.faces.crops import iou, landmark_box
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of


@pytest.fixture(scope="module")
def portraits(faces: Path) -> list[Frame]:
    videos = find_videos(str(faces / "portraits"), "val", load_plugins())
    return [video.frames[0] for video in videos[:6]]


@pytest.fixture(scope="module")
def predictor81(faces: Path) -> Path:
    return faces / "models" / "shape_predictor_81_small.dat"


def given(frame: Frame) -> NDArray[np.float32]:
    assert frame.landmarks is not None
    points: NDArray[np.float32] = np.load(frame.landmarks)
    return points


def eye_distance(points: NDArray[np.float32]) -> float:
    return float(np.hypot(*(points[42:48].mean(axis=0) - points[36:42].mean(axis=0))))


def test_the_detector_finds_one_face_in_each_portrait(portraits: list[Frame]) -> None:
    detect = build_dlib()
    for frame in portraits:
        (face,) = detect(read_image(frame.path))
        assert face.score > 0
        assert iou(face.box, landmark_box(given(frame))) > 0.5


@pytest.mark.slow
def test_a_small_face_is_found_at_twice_the_size(portraits: list[Frame]) -> None:
    """A face under dlib's window of 80 pixels."""
    image = read_image(portraits[0].path)
    small = cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    (found,) = build_dlib()(image)
    (face,) = build_dlib()(small)
    assert iou(tuple(np.array(face.box) / 0.4), found.box) > 0.6  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_large_frame_has_its_box_in_its_own_pixels(portraits: list[Frame]) -> None:
    image = read_image(portraits[0].path)
    large = cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR)
    (found,) = build_dlib()(image)
    (face,) = build_dlib()(large)
    assert iou(tuple(np.array(face.box) / 8), found.box) > 0.6  # type: ignore[arg-type]


@pytest.mark.slow
def test_68_landmarks_come_with_an_installed_package(portraits: list[Frame]) -> None:
    detect, locate = build_dlib(), build_dlib68(None)
    for frame in portraits:
        image = read_image(frame.path)
        points = locate(image, detect(image)[0])
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        apart = np.linalg.norm(points - given(frame)[:68], axis=1).mean()
        assert apart < 0.1 * eye_distance(points)


def test_81_landmarks_come_from_the_file_that_is_given(
    portraits: list[Frame], predictor81: Path
) -> None:
    detect, locate = build_dlib(), build_dlib81(predictor81)
    for frame in portraits:
        image = read_image(frame.path)
        points = locate(image, detect(image)[0])
        assert points.shape == (81, 2)
        apart = np.linalg.norm(points - given(frame), axis=1).mean()
        assert apart < 0.12 * eye_distance(points)


def test_81_landmarks_without_a_file_say_which_and_how() -> None:
    with pytest.raises(ConfigError, match=r"shape_predictor_81_face_landmarks\.dat.*--landmarks"):
        build_dlib81(None)


def test_a_predictor_of_another_number_of_points_is_refused(predictor81: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 81 points, and .* needs 68 .*--landmarker dlib81"):
        build_dlib68(predictor81)


def test_a_file_that_is_no_predictor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"not a predictor")
    with pytest.raises(ConfigError, match="not a dlib shape predictor"):
        build_dlib81(tmp_path / "a.dat")


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="install the package face-recognition-models"):
        build_dlib68(None)


@pytest.mark.slow
def test_the_package_of_the_predictor_is_not_imported() -> None:
    code = (
        "import sys; from registry.builtin.faces.dlib_models import build_dlib68;"
        "build_dlib68(None);"
        "assert 'face_recognition_models' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_threads_share_one_predictor(portraits: list[Frame]) -> None:
    locate = build_dlib68(None)
    image = read_image(portraits[0].path)
    face = Face(box=landmark_box(given(portraits[0])))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: locate(image, face), range(16)))
    for points in found[1:]:
        np.testing.assert_array_equal(points, found[0])


@pytest.mark.slow
def test_boxes_from_detected_landmarks_agree_with_those_from_the_datas(
    portraits: list[Frame],
) -> None:
    reader = reader_of(plugins=load_plugins())
    with ThreadPoolExecutor(2) as pool:
        bare = list(pool.map(lambda frame: reader.read(Frame(path=frame.path)), portraits))
    for frame, (_, found) in zip(portraits, bare, strict=True):
        assert len(found) == 1
        assert iou(found[0].box, landmark_box(given(frame))) > 0.85


def test_an_image_without_a_face_is_an_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    with pytest.raises(
        DataError, match=r"no face found in .*a\.png by face detector 'dlib' \(it .*tiny_"
    ):
        reader_of(plugins=load_plugins()).read(Frame(path=tmp_path / "a.png"))


@pytest.mark.parametrize(
    "box", [(300, 200, 420, 330), (-40, -30, 90, 100), (560, 380, 700, 520), (900, 700, 960, 760)]
)
def test_landmarks_are_those_that_dlib_finds_in_the_whole_image(
    box: tuple[float, float, float, float],
) -> None:
    import dlib

    image = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
    x0, y0, x1, y1 = (int(edge) for edge in box)
    predictor, _ = _load_once(_packaged(_FILES[68]).resolve())
    whole = predictor(image, dlib.rectangle(x0, y0, x1 - 1, y1 - 1))
    found = build_dlib68()(image, Face(box=box))
    np.testing.assert_array_equal(found, [(point.x, point.y) for point in whole.parts()])
