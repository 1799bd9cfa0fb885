"""Real faces: a train and a val split without common people, or faces to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from registry.console import progress, say
from registry.contracts.types import Crop, CropPolicy, Face, Frame, Sample, Video, VideoIndex
from registry.data.index import find_index, find_videos, select_frames
from registry.data.options import data_options, resolved_lines
from registry.errors import ConfigError, DataError, reading
from registry.faces.crops import crop_face
from registry.faces.reader import FaceReader, build_reader
from registry.plugins.chosen import choose_faces
from registry.plugins.discovery import Plugins, load_plugins
from registry.settings.shared import FaceSettings, LearningSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "FaceSample",
    "cut_real_faces",
    "find_splits",
    "listed_by",
    "real_crops",
    "real_face_samples",
    "real_samples",
    "samples",
]

Lister = Callable[[str], Sequence[Sample]]  # the real faces of a data set, as real_face_samples
_LISTER: ContextVar[Lister | None] = ContextVar("lister", default=None)
_SPLITS = ("val", "train")  # never test: a face should not be compared with itself
_OF_A_FILE = 32  # frames to learn from: neighbours in a video are all but the same


def find_splits(config: LearningSettings, plugins: Plugins) -> tuple[list[Video], list[Video]]:
    """Find the videos of the train and the val split; a DataError if both hold the same person."""
    if not config.train:
        raise ConfigError(
            "no faces to learn from; pass --train DIR (a manifest or folder with real faces), or"
            " --train toy to try it out"
        )
    options = data_options(config)
    # A name that is given twice would count its faces twice.
    names = {"train": config.train, "val": config.val or config.train}
    trains, vals = (
        [find_index(name, split, plugins, options) for name in dict.fromkeys(given)]
        for split, given in names.items()
    )
    if not config.quiet:
        _announce([*trains, *vals])
    train = [video for index in trains for video in index.videos]
    val = [video for index in vals for video in index.videos]
    shared = sorted({_key(video) for video in train} & {_key(video) for video in val})
    if shared:
        raise DataError(
            f"train and val share {len(shared)} faces of the same person or video (first:"
            f" {'/'.join(shared[0])}); the val split must hold other people"
        )
    return train, val


def real_samples(videos: Sequence[Video], reader: FaceReader, split: str) -> list[FaceSample]:
    """Return the real faces of `videos`; DataError where there are none."""
    found = samples(videos, reader)
    if not found:
        raise DataError(
            f"the {split} split holds {len(videos)} videos, and none is real (label 0);"
            " fitting uses real faces only"
        )
    return found


def _announce(found: Sequence[VideoIndex]) -> None:
    """Print what readers report about the data, each message once."""
    notes = [f"note: {note}" for index in found for note in index.notes]
    for line in dict.fromkeys([*resolved_lines(found), *notes]):
        say(line)


def _key(video: Video) -> tuple[str, str]:
    return video.dataset, video.identity or video.id


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceSample:
    """A frame to learn from; it is read when it is loaded."""

    key: str
    identity: str
    frame: Frame
    reader: FaceReader

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        """Return the frame, uint8 RGB (H, W, 3), and its main face with landmarks."""
        with reading(self.frame.path):
            return self.reader.read_one(self.frame)


def samples(videos: Iterable[Video], reader: FaceReader) -> list[FaceSample]:
    """Return every frame of every real video as a sample to learn from; 32 of a video file."""
    return [
        FaceSample(
            key=f"{video.dataset}/{video.id}/{frame.index}",
            identity=f"{video.dataset}/{video.identity or video.id}",
            frame=frame,
            reader=reader,
        )
        for video in videos
        if video.label == 0
        for frame in (video.frames if video.file is None else select_frames(video, _OF_A_FILE))
    ]


@contextmanager
def listed_by(lister: Lister) -> Iterator[None]:
    """Let `real_crops` in the block take its list from a caller that may have it already."""
    token = _LISTER.set(lister)
    try:
        yield
    finally:
        _LISTER.reset(token)


def real_crops(data: str, policy: CropPolicy, count: int, *, quiet: bool = False) -> list[Crop]:
    """Cut up to `count` real faces with landmarks from the data set `data`, from its val split
    first.

    Of data without splits any real faces are used. Faces that cannot be read are reported and
    left out; a DataError if none is left.
    """
    listed = (_LISTER.get() or real_face_samples)(data)
    return cut_real_faces(listed[:count], data, policy, quiet=quiet)


def cut_real_faces(
    listed: Sequence[Sample], data: str, policy: CropPolicy, *, quiet: bool = False
) -> list[Crop]:
    """Cut real faces that are `listed` already, those of the data set `data`; see `real_crops`."""
    found, failed = [], []
    for sample in progress(listed, f"real faces of {data}", unit="face", quiet=quiet):
        try:
            image, face = sample.load()
            crop = crop_face(image, face, policy)
        except DataError as error:
            failed.append(str(error))
            continue
        dataset, video, frame = sample.key.rsplit("/", 2)
        found.append(replace(crop, dataset=dataset, video=video, frame=int(frame)))
    if failed and not quiet:
        say(f"note: {len(failed)} real faces of {data} are left out; the first: {failed[0]}")
    if not found:
        why = f": {failed[0]}" if failed else ""
        raise DataError(f"data set {data!r} has no real face to compare with{why}; choose another")
    return found


def real_face_samples(data: str) -> list[FaceSample]:
    """List the real faces of a data set, of val first and then of train; none is read.

    The DataError of the last split if neither exists.
    """
    plugins = load_plugins()
    faces = FaceSettings()
    reader = build_reader(choose_faces(plugins, faces), faces)
    found: list[FaceSample] = []
    for split in _SPLITS:
        try:
            found += samples(find_videos(data, split, plugins), reader)
        except DataError:
            if split == _SPLITS[-1] and not found:
                raise
    return found
