"""Reader of folders real/ and fake/ of images or video files, under folders of splits or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.manifest import recognises_manifest
from registry.builtin.datasets.splits import choose_split, root_of
from registry.contracts.types import DatasetRequest, Frame, Video, VideoIndex
from registry.data.media import scan_folder, unread_notes
from registry.errors import DataError

__all__ = ["folder_videos", "recognises_folder"]

_CLASSES: dict[str, Literal[0, 1]] = {"real": 0, "fake": 1}
_SPLITS = ("train", "val", "test")


def recognises_folder(path: Path) -> bool:
    """Say whether a folder, or its train/, val/ or test/, holds real/ or fake/, and no manifest."""
    if not path.is_dir() or recognises_manifest(path):
        return False
    return any(_has_class(path / split) for split in ("", *_SPLITS))


def folder_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos under real/ and fake/, which may lie under train/, val/ and test/.

    An image or video file there is a video of its own; a sub-folder of images is one video; in a
    sub-folder of sub-folders or of video files each of those is a video, and the outer one names
    the manipulation. So it does in a sub-folder of fake/ that holds images where real/ holds images
    and no sub-folder: there every image is a video of its own, and a note says so.
    """
    root = root_of(request, "folder:PATH, a folder that holds real/ and fake/")
    dataset = root.resolve().name
    splits = [split for split in _SPLITS if _has_class(root / split)]
    if splits and _has_class(root):
        raise DataError(
            f"{root} has real/ or fake/ both at its top and under {', '.join(splits)};"
            " keep one of the two"
        )
    if not splits and not _has_class(root):
        raise DataError(f"{root} holds neither real/ nor fake/, nor train/, val/, test/ with them")
    videos = [
        replace(video, dataset=dataset, split=split)
        for split in splits or [""]
        for video in _class_videos(root, root / split)
    ]
    _check_unique(root, videos)
    chosen = choose_split(videos, request.split, dataset)
    read = [root / split / name for split in splits or [""] for name in _CLASSES]
    unread = [f"{dataset}: {note}" for note in unread_notes(filter(Path.is_dir, read))]
    notes = [*_methods_of_images(root, chosen), *unread]
    return VideoIndex(videos=tuple(chosen), notes=tuple(notes))


def _methods_of_images(root: Path, videos: Iterable[Video]) -> Iterator[str]:
    names = {each.method for each in videos if each.method and _is_image(root, each)}
    if names:
        yield (
            "real/ holds single images, so folders under fake/ are read as methods of"
            f" single images: {', '.join(sorted(names))}; if they are videos, give each"
            " real video a folder too"
        )


def _is_image(root: Path, video: Video) -> bool:
    """Say whether the video is named after an image, not after a folder or file."""
    return {frame.path.with_suffix("") for frame in video.frames} == {root / video.id}


def _class_videos(root: Path, folder: Path) -> Iterator[Video]:
    there = {name: folder / name for name in _CLASSES if (folder / name).is_dir()}
    scanned = {name: scan_folder(path) for name, path in there.items()}
    images, _, folders = scanned.get("real", ([], [], []))
    single = bool(images) and not folders
    for name, (images, files, folders) in scanned.items():
        label = _CLASSES[name]
        for image in images:
            yield _video(root, image.with_suffix(""), label, [image])
        for file in files:
            yield _file(root, file, label)
        for inner in folders:
            yield from _videos_of(root, inner, label, single=single and label == 1)


def _videos_of(root: Path, folder: Path, label: Literal[0, 1], *, single: bool) -> Iterator[Video]:
    """Yield the video of a folder, or the videos (with `single` the images) of a manipulation."""
    images, files, folders = scan_folder(folder)
    if images and (folders or files):
        raise DataError(
            f"{folder} holds images and {('folders' if folders else 'video files')}; a"
            " folder must be a video or hold videos"
        )
    if single and images:
        for image in images:
            yield _video(root, image.with_suffix(""), label, [image], folder.name)
    elif not folders and not files:
        yield _video(root, folder, label, images)
    method = folder.name if label else ""
    for file in files:
        yield _file(root, file, label, method)
    for inner in folders:
        images, files, deeper = scan_folder(inner)
        if deeper or files:
            found = (deeper or files)[0]
            raise DataError(f"{found} is too deep; videos are real|fake[/manipulation]/video")
        yield _video(root, inner, label, images, method)


def _video(
    root: Path, path: Path, label: Literal[0, 1], images: Iterable[Path], method: str = ""
) -> Video:
    frames = tuple(Frame(path=image, index=index) for index, image in enumerate(images))
    if not frames:
        raise DataError(f"no images in {path}; add some, or remove the folder")
    name = path.relative_to(root).as_posix()
    return Video(dataset="", id=name, label=label, frames=frames, method=method)


def _file(root: Path, path: Path, label: Literal[0, 1], method: str = "") -> Video:
    name = path.relative_to(root).with_suffix("").as_posix()
    return Video(dataset="", id=name, label=label, file=path, method=method)


def _has_class(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in _CLASSES)


def _check_unique(root: Path, videos: Iterable[Video]) -> None:
    seen: set[str] = set()
    for video in videos:
        if video.id in seen:
            raise DataError(
                f"{root} holds {video.id} twice, with different suffixes; rename one of them"
            )
        seen.add(video.id)
