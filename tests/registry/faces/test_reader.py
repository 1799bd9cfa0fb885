from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.contracts.types import Face, Frame, Video
from registry.errors import ConfigError, DataError, PluginError, UnknownNameError
from registry.faces.crops import landmark_box
from registry.faces.reader import read_landmarks
from registry.faces.real_faces import FaceSample, samples
from registry.plugins.discovery import Plugins
from registry.plugins.specs import FaceDetectorSpec, LandmarkerSpec
from tests.shared.readers import reader_of

HEIGHT, WIDTH = 120, 160
LARGE, HALF, SMALL = (20.0, 20.0, 80.0, 80.0), (90.0, 20.0, 140.0, 60.0), (0.0, 90.0, 20.0, 110.0)


def detect_three(_: NDArray[np.uint8]) -> list[Face]:
    """Areas 2,000, 3,600 and 400: the last is less than half the largest."""
    return [Face(box=HALF), Face(box=LARGE), Face(box=SMALL)]


def in_box(points: int, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Landmarks that fill a box."""
    along = np.linspace(0, 1, points)
    x, y = box[0] + along * (box[2] - box[0]), box[1] + along[::-1] * (box[3] - box[1])
    return np.stack([x, y], axis=1).astype(np.float32)


def locate_68(_: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
    return in_box(68, face.box)


class Built:
    """Builds the detector above; counts how often."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self) -> object:
        self.threads.append(threading.get_ident())
        return detect_three


def build_three() -> object:
    return detect_three


def build_none() -> object:
    return lambda _: []


def build_68(_: Path | None) -> object:
    return locate_68


def build_wrong(_: Path | None) -> object:
    return lambda image, face: in_box(5, face.box)


def build_raising(_: Path | None) -> object:
    def locate(image: NDArray[np.uint8], face: Face) -> NDArray[np.float32]:
        raise RuntimeError("out of cheese")

    return locate


def build_unconfigured(_: Path | None) -> object:
    raise ConfigError("needs a predictor file")


def build_nothing() -> object:
    raise ValueError("no model")


def specs(build: object = build_three) -> Plugins:
    detectors = {"dlib": build, "none": build_none}
    landmarkers = {
        "dlib68": build_68,
        "dlib81": build_68,
        "wrong": build_wrong,
        "bad": build_raising,
        "bare": build_unconfigured,
    }
    return Plugins(
        records=(
            *(FaceDetectorSpec(name=n, summary="s", build=b) for n, b in detectors.items()),  # type: ignore[arg-type]
            *(
                LandmarkerSpec(name=n, summary="s", points=68, build=b)  # type: ignore[arg-type]
                for n, b in landmarkers.items()
            ),
        )
    )


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8))
    return Frame(path=tmp_path / "a.png")


@pytest.fixture
def marked(frame: Frame, tmp_path: Path) -> Frame:
    """The frame with 81 landmarks on the large face."""
    np.save(tmp_path / "a.npy", in_box(81, LARGE))
    return replace(frame, landmarks=tmp_path / "a.npy")


# --- where boxes come from --------------------------------------------------------------------


@pytest.mark.parametrize("crop_from", ["auto", "landmarks"])
def test_landmarks_of_the_data_are_the_one_face(marked: Frame, crop_from: str) -> None:
    built = Built()
    image, faces = reader_of(plugins=specs(built), crop_from=crop_from).read(marked)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert [face.box for face in faces] == [landmark_box(in_box(81, LARGE))]
    np.testing.assert_array_equal(faces[0].landmarks, in_box(81, LARGE))
    assert not built.threads, "the face detector was built for nothing"


def test_without_landmarks_faces_are_detected_and_located(frame: Frame) -> None:
    _, faces = reader_of(plugins=specs()).read(frame)
    assert [face.box for face in faces] == [landmark_box(in_box(68, box)) for box in (LARGE, HALF)]


def test_faces_under_half_the_largest_ones_area_are_bystanders(frame: Frame) -> None:
    _, faces = reader_of(plugins=specs(), crop_from="detector").read(frame)
    assert [face.box for face in faces] == [LARGE, HALF]
    assert [face.landmarks for face in faces] == [None, None]


def test_the_detectors_own_box_keeps_the_landmarks_of_the_data(marked: Frame) -> None:
    _, faces = reader_of(plugins=specs(), crop_from="detector").read(marked)
    assert [face.box for face in faces] == [LARGE, HALF]
    np.testing.assert_array_equal(faces[0].landmarks, in_box(81, LARGE))
    assert faces[1].landmarks is None


def test_landmarks_off_every_detected_face_are_given_to_none(frame: Frame, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", in_box(81, (90.0, 90.0, 150.0, 115.0)))
    frame = replace(frame, landmarks=tmp_path / "a.npy")
    _, faces = reader_of(plugins=specs(), crop_from="detector").read(frame)
    assert [face.landmarks for face in faces] == [None, None]


def test_insisting_on_landmarks_uses_no_landmarker_that_was_not_asked_for(frame: Frame) -> None:
    with pytest.raises(DataError, match="name a landmarker with --landmarker"):
        reader_of(plugins=specs(), crop_from="landmarks").read(frame)
    reader = reader_of(plugins=specs(), crop_from="landmarks", landmarker="dlib68")
    assert len(reader.read(frame)[1]) == 2


def test_no_face_found_is_an_error(frame: Frame) -> None:
    for crop_from in ("auto", "detector"):
        with pytest.raises(DataError, match=r"no face found .* by face detector 'none'"):
            reader_of(plugins=specs(), crop_from=crop_from, face_detector="none").read(frame)


def test_a_whole_frame_is_one_face_and_nothing_is_searched_for(frame: Frame, marked: Frame) -> None:
    built = Built()
    reader = reader_of(plugins=specs(built), crop_from="frame")
    (face,) = reader.read(frame)[1]
    assert (face.box, face.landmarks) == ((0, 0, WIDTH, HEIGHT), None)
    (face,) = reader.read(marked)[1]
    assert face.box == (0, 0, WIDTH, HEIGHT)
    np.testing.assert_array_equal(face.landmarks, in_box(81, LARGE))
    assert not built.threads


def test_learning_from_whole_frames_takes_landmarks_that_were_given_or_asked_for(
    frame: Frame, marked: Frame
) -> None:
    reader = reader_of(plugins=specs(), crop_from="frame")
    np.testing.assert_array_equal(reader.read_one(marked)[1].landmarks, in_box(81, LARGE))
    with pytest.raises(DataError, match="name a landmarker with --landmarker"):
        reader.read_one(frame)
    asked = reader_of(plugins=specs(), crop_from="frame", landmarker="dlib68")
    expected = in_box(68, (0, 0, WIDTH, HEIGHT))
    np.testing.assert_array_equal(asked.read_one(frame)[1].landmarks, expected)


# --- bad landmarks ----------------------------------------------------------------------------


def test_a_missing_landmarks_file_is_named(frame: Frame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no landmarks file .*gone\.npy"):
        reader_of(plugins=specs()).read(replace(frame, landmarks=tmp_path / "gone.npy"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((5, 2)), r"shape \(5, 2\)"),
        (np.zeros((2, 81)), r"shape \(2, 81\)"),
        (np.full((81, 2), np.nan), "NaN"),
        (np.full((68, 2), np.inf), "NaN or infinity"),
        (np.full((81, 2), "a"), "not an array of numbers"),
    ],
)
def test_landmarks_of_wrong_shape_or_value_are_refused(
    tmp_path: Path, content: NDArray[np.generic], reason: str
) -> None:
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(DataError, match=reason):
        read_landmarks(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match="cannot read landmarks"):
        read_landmarks(tmp_path / "a.npy")


def test_a_pickle_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot read landmarks"):
        read_landmarks(tmp_path / "a.npy")


@pytest.mark.parametrize("crop_from", ["auto", "detector"])
def test_landmarks_outside_the_image_are_refused(
    frame: Frame, tmp_path: Path, crop_from: str
) -> None:
    """As of a larger version of the image."""
    np.save(tmp_path / "a.npy", in_box(81, LARGE) * 4)
    with pytest.raises(DataError, match="outside the 160x120 image"):
        reader_of(plugins=specs(), crop_from=crop_from).read(
            replace(frame, landmarks=tmp_path / "a.npy")
        )


def test_a_few_landmarks_beyond_the_edge_are_no_reason_to_refuse(
    frame: Frame, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", in_box(81, (-10.0, 20.0, 60.0, 80.0)))
    _, faces = reader_of(plugins=specs()).read(replace(frame, landmarks=tmp_path / "a.npy"))
    assert faces[0].box[0] < 0


# --- configuration ----------------------------------------------------------------------------


def test_names_are_looked_up_at_once() -> None:
    with pytest.raises(UnknownNameError, match="no face detector named 'retina'"):
        reader_of(plugins=specs(), face_detector="retina")
    with pytest.raises(UnknownNameError, match="no landmarker named 'dlib'"):
        reader_of(plugins=specs(), landmarker="dlib")
    with pytest.raises(ConfigError, match="did you mean 'landmarks'"):
        reader_of(plugins=specs(), crop_from="landmark")


def test_a_missing_predictor_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no landmark predictor at .*gone\.dat"):
        reader_of(plugins=specs(), predictor=tmp_path / "gone.dat")


def test_a_landmarker_that_breaks_its_contract_is_a_plugin_error(frame: Frame) -> None:
    with pytest.raises(PluginError, match=r"'wrong' .* shape \(5, 2\); expected \(68, 2\)"):
        reader_of(plugins=specs(), landmarker="wrong").read(frame)
    with pytest.raises(PluginError, match=r"'bad' .* failed: RuntimeError: out of cheese"):
        reader_of(plugins=specs(), landmarker="bad").read(frame)


def test_what_a_plugin_says_is_wrong_is_passed_on(frame: Frame) -> None:
    with pytest.raises(ConfigError, match=r"^needs a predictor file$"):
        reader_of(plugins=specs(), landmarker="bare").read(frame)
    with pytest.raises(PluginError, match=r"'dlib' .* failed: ValueError: no model"):
        reader_of(plugins=specs(build_nothing)).read(frame)


def test_the_fingerprint_tells_configurations_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    prints = [
        reader_of(plugins=specs()).fingerprint,
        reader_of(plugins=specs(), crop_from="detector").fingerprint,
        reader_of(plugins=specs(), face_detector="none").fingerprint,
        reader_of(plugins=specs(), landmarker="wrong").fingerprint,
        reader_of(plugins=specs(), predictor=tmp_path / "a").fingerprint,
        reader_of(plugins=specs(), predictor=tmp_path / "b").fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    assert reader_of(plugins=specs()).fingerprint == prints[0]


# --- threads, processes, samples --------------------------------------------------------------


def test_threads_that_come_later_take_over_what_those_before_have_built(frame: Frame) -> None:
    built = Built()
    reader = reader_of(plugins=specs(built), crop_from="detector")
    reader.check()
    for _ in range(3):  # one thread after another, as each file that `bench serve` is sent has
        with ThreadPoolExecutor(1) as pool:
            assert len(pool.submit(reader.read, frame).result()[1]) == 2
    assert len(built.threads) == 1


def test_a_detector_that_failed_is_not_lost(frame: Frame) -> None:
    calls = []

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        calls.append(image.shape)
        raise RuntimeError("out of cheese")

    built: list[int] = []

    def build() -> Callable[[NDArray[np.uint8]], list[Face]]:
        built.append(1)
        return detect

    reader = reader_of(plugins=specs(build), crop_from="detector")
    for _ in range(2):
        with pytest.raises(PluginError, match="out of cheese"):
            reader.read(frame)
    assert (len(built), len(calls)) == (1, 2)


def test_threads_at_once_have_a_detector_each(frame: Frame) -> None:
    meet = threading.Barrier(3)
    users: list[list[int]] = []

    def build() -> Callable[[NDArray[np.uint8]], list[Face]]:
        inside: list[int] = []
        users.append(inside)

        def detect(image: NDArray[np.uint8]) -> list[Face]:
            inside.append(1)
            meet.wait(timeout=30)  # until all three are in one
            assert len(inside) == 1
            inside.pop()
            return detect_three(image)

        return detect

    reader = reader_of(plugins=specs(build), crop_from="detector")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: len(reader.read(frame)[1]), range(12))) == [2] * 12
    assert len(users) == 3


def test_a_sample_survives_pickling_and_loads_its_main_face(marked: Frame) -> None:
    video = Video(dataset="set", id="a", label=0, frames=(marked,), identity="ada")
    reader = reader_of(plugins=specs())
    reader.read(replace(marked, landmarks=None))  # builds what a pickle cannot hold
    (sample,) = samples([video], reader)
    copy: FaceSample = pickle.loads(pickle.dumps(sample))  # noqa: S301 - our own bytes
    assert (copy.key, copy.identity) == ("set/a/0", "set/ada")
    image, face = copy.load()
    assert image.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(face.landmarks, in_box(81, LARGE))


def test_a_sample_has_landmarks_whatever_the_box_comes_from(frame: Frame, marked: Frame) -> None:
    reader = reader_of(plugins=specs(), crop_from="detector")
    sample = FaceSample(key="a", identity="a", frame=frame, reader=reader)
    _, located = sample.load()
    np.testing.assert_array_equal(located.landmarks, in_box(68, LARGE))
    assert located.box == LARGE
    _, given = replace(sample, frame=marked).load()
    np.testing.assert_array_equal(given.landmarks, in_box(81, LARGE))


# --- tracking ---------------------------------------------------------------------------------


def test_a_reader_that_tracks_says_so_and_forgets_faces_at_the_start_of_a_video(
    tmp_path: Path,
) -> None:
    sizes: list[tuple[int, ...]] = []

    def detect_one(image: NDArray[np.uint8]) -> list[Face]:
        """What is bright."""
        sizes.append(image.shape[:2])
        x, y, across, down = cv2.boundingRect(np.where(image[..., 0] > 127, 1, 0).astype(np.uint8))
        return [Face(box=(x, y, x + across, y + down))]

    def spec(name: str, tracked_at: int | None) -> FaceDetectorSpec:
        return FaceDetectorSpec(
            name=name, summary=name, build=lambda: detect_one, tracked_at=tracked_at
        )

    known = Plugins(records=(*specs().records, spec("can", 16), spec("cannot", None)))
    frame = Frame(path=tmp_path / "frame.png")
    cv2.imwrite(
        str(frame.path),
        cv2.rectangle(np.zeros((HEIGHT, WIDTH, 3)), (60, 40), (99, 79), (255,) * 3, -1),
    )
    readers = {
        (name, track): reader_of(known, face_detector=name, crop_from="detector", track=track)
        for name in ("can", "cannot")
        for track in (False, True)
    }
    assert readers["can", True].choices["search"] == "track"
    assert readers["can", True].fingerprint != readers["can", False].fingerprint
    assert readers["cannot", True].choices == readers["cannot", False].choices
    assert readers["cannot", True].fingerprint == readers["cannot", False].fingerprint
    everyone = reader_of(known, face_detector="can", track=True, every_face=True)
    assert "search" not in everyone.choices
    reader = readers["can", True]
    reader.start_video()
    reader.read(frame)
    assert sizes[0] == (HEIGHT, WIDTH)
    assert max(sizes[1]) < WIDTH  # the small copy
    sizes.clear()
    reader.read(frame)
    assert (HEIGHT, WIDTH) not in sizes
    reader.start_video()
    reader.read(frame)
    assert (HEIGHT, WIDTH) in sizes
