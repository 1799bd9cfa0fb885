"""Find the faces of a frame: where the box and the landmarks of each come from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from registry.contracts.types import FRAME, FRAME_CUBIC, NO_FACE, WHOLE, Face, Frame
from registry.data.images import read_image
from registry.data.sizes import MOST_PIXELS
from registry.data.videos import VideoCursor, is_video
from registry.errors import ConfigError, DataError, PluginError, did_you_mean, reading
from registry.faces.clock import StageClock
from registry.faces.corruptions import Condition
from registry.faces.crops import LANDMARK_BOX, area, iou, is_too_small, landmark_box
from registry.faces.landmark_files import read_landmarks, read_landmarks_of
from registry.faces.lending import lend_detectors, lend_landmarkers
from registry.faces.tracking import FaceTracker
from registry.files import expanded, file_sha256
from registry.fingerprints import fingerprint
from registry.plugins.chosen import ChosenFaces
from registry.plugins.specs import FaceDetectorSpec
from registry.settings.shared import FaceSettings
from registry.urls import refuse_url

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FaceReader",
    "build_reader",
    "read_landmarks",
    "read_landmarks_of",
    "reason_without_path",
]

_CROP_FROM = ("auto", "landmarks", "detector", FRAME, FRAME_CUBIC)
_LEAST_AREA = 0.5  # of the largest face's; smaller ones are bystanders (METHOD of SBI's inference)
_OWN = {"_built", "_detectors", "_locators", "clock"}  # what a pickled copy builds again
T = TypeVar("T")


class FaceReader:
    """Reads a frame and finds its faces.

    `crop_from` says where the box comes from: `landmarks` are those of the data, or of a landmarker
    that was asked for by name or by its predictor file; `auto` is the same with dlib's 68 points as
    the last resort; `detector` is the face detector's own box, with the data's landmarks where
    there are any; `frame` and `frame_cubic` are the whole frame as the one face, and no face is
    searched for. Every frame goes through `condition`, if there is one, before it is looked at;
    what is random in that is drawn from `seed`. Of the faces that are found those of less than half
    the largest one's area are left out, unless `every_face`; `left_out` counts them by path and
    index of the frame. Images of more than `max_pixels` are refused. Safe to use from threads; a
    pickled copy builds its detectors anew. With `track`, and a face detector that can, faces are
    searched for where the frame before had them; `start_video` tells that the next frame follows
    none. One thread then reads all frames of a video, in order.
    """

    def __init__(
        self,
        *,
        chosen: ChosenFaces,
        crop_from: str = "auto",
        detection_size: int | None = None,
        predictor: Path | None = None,
        condition: Condition | None = None,
        seed: int = 0,
        every_face: bool = False,
        max_pixels: int = MOST_PIXELS,
        track: bool = False,
    ) -> None:
        if crop_from not in _CROP_FROM:
            raise ConfigError(
                f"crop_from is {crop_from!r};{did_you_mean(crop_from, _CROP_FROM)} "
                f"known: {', '.join(_CROP_FROM)}"
            )
        if predictor is not None and not predictor.is_file():
            refuse_url(predictor)
            raise ConfigError(f"no landmark predictor at {predictor}; check --landmarks PATH")
        self.crop_from: Final = crop_from
        self._predictor = predictor
        self._condition, self._seed = condition, seed
        self._max_pixels = max_pixels
        self._landmarker_asked_for = chosen.asked_for
        self._face_detector, self._landmarker = chosen.face_detector, chosen.landmarker
        self._size = _checked_size(self._face_detector, detection_size)
        self._least_area = 0.0 if every_face else _LEAST_AREA
        # Small faces are not followed from frame to frame.
        self._tracked_at = self._face_detector.tracked_at if track and not every_face else None
        self.fingerprint: Final = self._fingerprint()
        self.left_out: dict[tuple[Path, int], int] = {}
        self._begin()

    def _begin(self) -> None:
        """Set what is of this process alone."""
        self._built = threading.local()
        self._detectors = lend_detectors(self._face_detector, self._size)
        self._locators = lend_landmarkers(self._landmarker, self._predictor)
        self.clock = StageClock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    @property
    def choices(self) -> dict[str, str]:
        """Return what was chosen, by name; `fingerprint` is the same and the predictor's
        content.
        """
        size = {} if self._size is None else {"detection_size": str(self._size)}
        return {
            "crop_from": self.crop_from,
            "face_detector": self._face_detector.name,
            **size,
            "landmarker": self._landmarker.name,
            **({} if self._tracked_at is None else {"search": "track"}),
        }

    def start_video(self) -> None:
        """Note that the next frame this thread reads does not follow the last one."""
        tracker = getattr(self._built, "tracker", None)
        if tracker is not None:
            tracker.restart()

    def read(self, frame: Frame) -> tuple[NDArray[np.uint8], list[Face]]:
        """Read the frame, uint8 RGB (H, W, 3), and its faces, the largest first.

        A DataError if the frame or its landmarks cannot be used or hold no face.
        """
        image, faces = self._faces_of(frame, self._image(frame))
        if self._condition is not None:
            faces = [self._condition.of_face(face, frame, self._seed) for face in faces]
        return image, faces

    def _faces_of(
        self, frame: Frame, image: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], list[Face]]:
        given = None if frame.landmarks is None else read_landmarks_of(frame.landmarks, image)
        if self.crop_from in WHOLE:
            height, width = image.shape[:2]
            return image, [Face(box=(0.0, 0.0, width, height), landmarks=given)]
        if self.crop_from == "detector":
            return image, _attach(given, self._detect(image, frame))
        if given is not None:
            return image, [Face(box=landmark_box(given), landmarks=given)]
        if self.crop_from == "landmarks":
            self._check_asked_for(frame)
        found = [self._with_landmarks(image, face) for face in self._detect(image, frame)]
        return image, [replace(face, box=landmark_box(_points(face))) for face in found]

    def read_one(self, frame: Frame) -> tuple[NDArray[np.uint8], Face]:
        """Read the frame and its main face, with landmarks: those of the data if there are any."""
        image, faces = self.read(frame)
        given = [face for face in faces if face.landmarks is not None]
        if given:
            return image, given[0]
        if self.crop_from in WHOLE:
            self._check_asked_for(frame)
        return image, self._with_landmarks(image, faces[0])

    def check(self) -> None:
        """Raise a BenchError now, before any work, if the face detector in use lacks something.

        Other values of `crop_from` than `detector` need one for some frames, or for none.
        """
        if self.crop_from == "detector":
            with self._detectors.lent():
                pass

    def _check_asked_for(self, frame: Frame) -> None:
        """Raise a DataError if landmarks are missing and no landmarker was requested to find
        them.
        """
        if not self._landmarker_asked_for:
            raise DataError(
                f"there are no landmarks for {frame.path}; name a landmarker with"
                " --landmarker, or use --crop-from auto"
            )

    def read_marked(self, frame: Frame) -> tuple[NDArray[np.uint8], list[Face]]:
        """Read the frame and its faces as `read` finds them, each with landmarks."""
        image, faces = self.read(frame)
        return image, [
            face if face.landmarks is not None else self._with_landmarks(image, face)
            for face in faces
        ]

    def _image(self, frame: Frame) -> NDArray[np.uint8]:
        with self.clock.measure("decode"), reading(frame.path):
            image = self._decoded(frame)
        if self._condition is None:
            return image
        with self.clock.measure("corrupt"):
            return self._condition.of_image(image, frame, self._seed)

    def _decoded(self, frame: Frame) -> NDArray[np.uint8]:
        if not is_video(frame.path):
            return read_image(frame.path, self._max_pixels)
        cursor: VideoCursor = self._own("cursor", lambda: VideoCursor(self._max_pixels))
        return cursor.read(frame.path, frame.index)

    def _detect(self, image: NDArray[np.uint8], frame: Frame) -> list[Face]:
        """Return the visible faces of at least half the largest one's area, the largest first."""
        found = self._found(image)
        faces = sorted(found, key=lambda face: -area(face.box))
        if not faces or not area(faces[0].box) > 0:
            spec = self._face_detector
            hint = f" ({spec.misses})" if spec.misses else ""
            raise DataError(f"{NO_FACE} in {frame.path} by face detector {spec.name!r}{hint}")
        seen = [face for face in faces if not is_too_small(face.box)] or faces[:1]
        large = [face for face in seen if area(face.box) >= self._least_area * area(faces[0].box)]
        if len(large) < len(seen):
            self.left_out[frame.path, frame.index] = len(seen) - len(large)
        return large

    def _found(self, image: NDArray[np.uint8]) -> list[Face]:
        if self._tracked_at is None:
            with self._detectors.lent() as detect, self.clock.measure("detect"):
                return detect(image)
        build = partial(FaceTracker, self._anywhere, self._tracked_at)
        tracker: FaceTracker = self._own("tracker", build)
        with self.clock.measure("detect"):
            return tracker(image)

    def _anywhere(self, image: NDArray[np.uint8]) -> list[Face]:
        with self._detectors.lent() as detect:
            return detect(image)

    def _with_landmarks(self, image: NDArray[np.uint8], face: Face) -> Face:
        spec = self._landmarker
        with self._locators.lent() as locate, self.clock.measure("landmarks"):
            points = np.asarray(locate(image, face), dtype=np.float32)
        if points.shape != (spec.points, 2) or not np.isfinite(points).all():
            raise PluginError(
                f"landmarker {spec.name!r} of package {spec.source!r} gave landmarks of shape"
                f" {points.shape}; expected ({spec.points}, 2) finite numbers"
            )
        return replace(face, landmarks=points)

    def _own(self, name: str, build: Callable[[], Any]) -> Any:
        """Build one per thread: a thread reads all frames of a video, in order."""
        if not hasattr(self._built, name):
            setattr(self._built, name, build())
        return getattr(self._built, name)

    def _fingerprint(self) -> str:
        digest = None if self._predictor is None else file_sha256(self._predictor)
        parts = [self.crop_from, self._landmarker_asked_for, self._face_detector.name]
        parts += [self._landmarker.name, digest, sorted(LANDMARK_BOX.items()), self._least_area]
        parts += [] if self._size is None else [self._size]
        if self._condition is not None:  # without one, chunks of earlier versions stay valid
            parts += [self._condition.name, self._condition.dose, self._seed]
        if self._max_pixels != MOST_PIXELS:  # else what was refused before would stay refused
            parts.append(self._max_pixels)
        parts += [] if self._tracked_at is None else ["track", self._tracked_at]
        return fingerprint(parts)


def build_reader(
    chosen: ChosenFaces,
    config: FaceSettings,
    condition: Condition | None = None,
    seed: int = 0,
    *,
    every_face: bool = False,
    track: bool = False,
) -> FaceReader:
    """Build a reader of frames and their faces, after a condition that `--corrupt` names."""
    return FaceReader(
        chosen=chosen,
        condition=condition,
        seed=seed,
        crop_from=config.crop_from,
        detection_size=config.detection_size,
        predictor=None if config.landmarks is None else expanded(config.landmarks),
        every_face=every_face,
        max_pixels=config.max_pixels,
        track=track,
    )


def _checked_size(spec: FaceDetectorSpec, size: int | None) -> int | None:
    if size is not None and not spec.sized:
        raise ConfigError(
            f"--detection-size {size} is for face detectors that search a square of a"
            f" fixed size, and {spec.name!r} takes frames as they are; omit it, or use"
            " retinaface"
        )
    return size


def reason_without_path(error: DataError, frame: Frame) -> str:
    """Return the error without the file's own name, so that equal failures are counted together."""
    reason = str(error)
    for path in (frame.path, frame.landmarks, frame.mask):
        if path is not None:
            reason = reason.replace(str(path), "FILE")
    return reason


def _attach(given: NDArray[np.float32] | None, faces: list[Face]) -> list[Face]:
    """Return the faces; the one under the given landmarks (by IoU of boxes) gets them."""
    if given is None:
        return faces
    box = landmark_box(given)
    overlaps = [iou(face.box, box) for face in faces]
    best = int(np.argmax(overlaps))
    if overlaps[best] == 0:
        return faces
    return [replace(f, landmarks=given) if i == best else f for i, f in enumerate(faces)]


def _points(face: Face) -> NDArray[np.float32]:
    assert face.landmarks is not None  # noqa: S101 - set by _with_landmarks
    return face.landmarks
