"""Contract of data sets."""

from __future__ import annotations

from pathlib import Path

from registry.checks.samples import require
from registry.contracts.types import DatasetRequest, Frame, Video
from registry.files import is_there
from registry.plugins.specs import DatasetSpec

__all__ = ["check_dataset"]


def check_dataset(
    spec: DatasetSpec, *, name: str | None = None, root: Path | None = None, split: str = "test"
) -> list[Video]:
    """Check that videos have unique ids, labels and frames that exist, and do not change."""
    request = DatasetRequest(name=name or spec.name, root=root, split=split)
    what = f"data set {spec.name!r}"
    videos = list(spec.videos(request))
    require(bool(videos), f"{what} must have videos in split {split!r}", "none")
    seen: set[tuple[str, str]] = set()
    for video in videos:
        _check_video(video, what)
        key = (video.dataset, video.id)
        require(
            key not in seen, f"the ids of videos in {what} must be unique", f"{video.id!r} twice"
        )
        seen.add(key)
    require(list(spec.videos(request)) == videos, f"{what} must be deterministic", "other videos")
    if spec.recognises is not None:
        _check_recognises(spec, root, what)
    return videos


def _check_video(video: Video, what: str) -> None:
    require(isinstance(video, Video), f"{what} must yield Videos", type(video).__name__)
    where = f"video {video.id!r} of {what}"
    require(video.label in {0, 1}, f"label of {where} must be 0 (real) or 1 (fake)", video.label)
    require(bool(video.id and video.dataset), f"{where} must have an id and a data set", video.id)
    sources = bool(video.frames) + (video.file is not None)
    require(
        sources == 1, f"{where} must have frames, or one video file", ("none", "", "both")[sources]
    )
    real_method = video.label == 0 and video.method
    require(not real_method, f"{where} is real and must have no method", video.method)
    indices = [frame.index for frame in video.frames]
    require(
        indices == sorted(set(indices)), f"frames of {where} must have ascending index", indices
    )
    if video.file is not None:
        require(video.file.is_file(), f"files of {where} must exist", video.file)
    for frame in video.frames:
        require(isinstance(frame, Frame), f"frames of {where} must be Frames", type(frame).__name__)
        for path in (frame.path, frame.landmarks, frame.mask):
            exists = path is None or (isinstance(path, Path) and is_there(path))
            require(exists, f"files of {where} must exist", path)


def _check_recognises(spec: DatasetSpec, root: Path | None, what: str) -> None:
    assert spec.recognises is not None  # noqa: S101 - the caller has seen to it
    if root is not None:
        found = spec.recognises(root)
        require(found is True, f"{what} must recognise {root}, which it reads", found)
    other = Path(__file__)
    found = spec.recognises(other)
    require(found is False, f"{what} must not recognise {other.name}, which is not data", found)
