"""Readers of two layouts, of images or video files: a manifest, and folders real/ and fake/."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from registry.builtin.splits import choose_split
from registry.errors import DataError, did_you_mean
from registry.media import IMAGE_SUFFIXES, natural
from registry.types import DatasetRequest, Frame, Video
from registry.video_files import is_video

__all__ = [
    "folder_videos",
    "manifest_videos",
    "read_manifest",
    "recognises_folder",
    "recognises_manifest",
    "scan_folder",
]

MANIFEST = "manifest.csv"
_REQUIRED = ("path", "label")
_OF_VIDEO = ("label", "split", "method", "identity", "region")  # one value for all its frames
_LABELS: dict[str, Literal[0, 1]] = {"0": 0, "1": 1}
_CLASSES: dict[str, Literal[0, 1]] = {"real": 0, "fake": 1}
_SPLITS = ("train", "val", "test")


# --- manifest --------------------------------------------------------------------------------


def recognises_manifest(path: Path) -> bool:
    """A .csv file, or a folder that holds manifest.csv."""
    return path.suffix.lower() == ".csv" if path.is_file() else (path / MANIFEST).is_file()


def manifest_videos(request: DatasetRequest) -> list[Video]:
    """Videos of a manifest, in a data set named after the folder, or after a .csv of other name."""
    root = _root(request, f"manifest:PATH of a .csv file or of a folder that holds {MANIFEST}")
    path = root if root.is_file() else root / MANIFEST
    if not path.is_file():
        raise DataError(f"no {MANIFEST} in {root}")
    named = path.parent if path.name == MANIFEST else path.with_suffix("")
    return read_manifest(path, named.resolve().name, request.split)


def read_manifest(path: Path, dataset: str, split: str) -> list[Video]:
    """Videos of one split of a CSV file with a header.

    Columns: path and label (0 real, 1 fake); of the video: identity, method, region, split; of the
    frame: landmarks, mask, frame (its number). Paths are relative to the file. Rows with one value
    of `video` are one video, in order of `frame`, else in natural order of their paths; a row
    without is a video of its own, named by its path without suffix. A path may be a video file:
    with a number in `frame` it stands for that frame, without one for the whole video.
    """
    videos: dict[str, _Rows] = {}
    for line, row in _rows(path):
        name = row.get("video") or _stem(row["path"])
        rows = videos.get(name)
        if rows is None:
            videos[name] = rows = _Rows(name=name, line=line, first=row)
        else:
            _check_same(path, line, row, rows)
        rows.frames.append((line, row))
    if not videos:
        raise DataError(f"{path} has a header and no rows")
    return choose_split([rows.video(path, dataset) for rows in videos.values()], split, dataset)


@dataclass(slots=True)
class _Rows:
    """The rows of a video; `first` and its line speak for all that belongs to the video."""

    name: str
    line: int
    first: dict[str, str]
    frames: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def video(self, path: Path, dataset: str) -> Video:
        first, label = self.first, _LABELS[self.first["label"]]
        file = self._file(path)
        ordered = self._ordered(path) if file is None else ()
        return Video(
            dataset=dataset,
            id=self.name,
            label=label,
            file=file,
            frames=tuple(_frame(path.parent, row, index) for index, row in ordered),
            split=first.get("split", ""),
            method=first.get("method", "") if label else "",
            identity=first.get("identity") or None,
            region=first.get("region") or None,
        )

    def _file(self, path: Path) -> Path | None:
        """The video file that the row names as a whole, without the number of a frame."""
        for line, row in self.frames:
            if not is_video(Path(row["path"])) or row.get("frame"):
                continue
            given = [name for name in ("landmarks", "mask") if row.get(name)]
            if len(self.frames) > 1 or given:
                what = f"{', '.join(given)} of one frame" if given else "further rows"
                raise DataError(
                    f"{path}, line {line}: {row['path']} is a whole video and has {what}; give"
                    " frames of a video file their numbers in a column `frame`"
                )
            return path.parent / row["path"]
        return None

    def _ordered(self, path: Path) -> Iterable[tuple[int, dict[str, str]]]:
        """Rows with the numbers of their frames, in order."""
        if "frame" not in self.first:
            return enumerate(sorted((row for _, row in self.frames), key=_natural_path))
        numbered: dict[int, dict[str, str]] = {}
        for line, row in self.frames:
            if not row["frame"].isdecimal():
                raise DataError(f"{path}, line {line}: frame is {row['frame']!r}; a number is due")
            if numbered.setdefault(int(row["frame"]), row) is not row:
                raise DataError(
                    f"{path}, line {line}: video {self.name!r} has frame {row['frame']} already"
                )
        return sorted(numbered.items())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and cells by column, with path and label checked."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            for cells in reader:
                if not cells:  # a blank line
                    continue
                row = dict(zip(header, map(str.strip, cells), strict=False))
                _check_row(path, reader.line_num, row, len(cells), len(header))
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read manifest {path}: {error}") from None


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise DataError(
            f"{path} has no column {' and no column '.join(map(repr, missing))};"
            f"{did_you_mean(missing[0], header)} columns: {', '.join(header) or 'none'}"
        )
    if len(set(header)) < len(header):
        raise DataError(f"{path} names a column twice: {', '.join(header)}")


def _check_row(path: Path, line: int, row: dict[str, str], cells: int, columns: int) -> None:
    if cells != columns:
        raise DataError(f"{path}, line {line}: {cells} cells under {columns} columns")
    if not row["path"]:
        raise DataError(f"{path}, line {line}: path is empty")
    if row["label"] not in _LABELS:
        raise DataError(
            f"{path}, line {line}: label is {row['label']!r}; it must be 0 (real) or 1 (fake)"
        )


def _check_same(path: Path, line: int, row: dict[str, str], rows: _Rows) -> None:
    """A row may only join a video that it names and whose other rows say the same of it."""
    if not (row.get("video") and rows.first.get("video")):
        raise DataError(f"{path}, line {line}: {rows.name!r} was in line {rows.line} already")
    for column in _OF_VIDEO:
        if row.get(column) != rows.first.get(column):
            raise DataError(
                f"{path}, line {line}: video {rows.name!r} has {column} {row[column]!r} here and "
                f"{rows.first[column]!r} in line {rows.line}; give different videos different names"
            )


def _frame(root: Path, row: dict[str, str], index: int) -> Frame:
    landmarks, mask = row.get("landmarks"), row.get("mask")
    return Frame(
        path=root / row["path"],
        index=index,
        landmarks=root / landmarks if landmarks else None,
        mask=root / mask if mask else None,
        listed=row["path"],
    )


# --- folders ---------------------------------------------------------------------------------


def recognises_folder(path: Path) -> bool:
    """A folder with real/ or fake/ in it or in its train/, val/ or test/, and no manifest."""
    if not path.is_dir() or recognises_manifest(path):
        return False
    return any(_has_class(path / split) for split in ("", *_SPLITS))


def folder_videos(request: DatasetRequest) -> list[Video]:
    """Videos under real/ and fake/, which may lie under train/, val/ and test/.

    An image or video file there is a video of its own; a sub-folder of images is one video; in a
    sub-folder of sub-folders or of video files each of those is a video, and the outer one names
    the manipulation.
    """
    root = _root(request, "folder:PATH of a folder that holds real/ and fake/")
    dataset = root.resolve().name
    splits = [split for split in _SPLITS if _has_class(root / split)]
    if splits and _has_class(root):
        raise DataError(
            f"{root} has real/ or fake/ both at its top and under {', '.join(splits)}; "
            "keep one of the two"
        )
    if not splits and not _has_class(root):
        raise DataError(f"{root} holds neither real/ nor fake/, nor train/, val/, test/ with them")
    videos = [
        replace(video, dataset=dataset, split=split)
        for split in splits or [""]
        for video in _class_videos(root, root / split)
    ]
    _check_unique(root, videos)
    return choose_split(videos, request.split, dataset)


def _class_videos(root: Path, folder: Path) -> Iterator[Video]:
    for name, label in _CLASSES.items():
        if not (folder / name).is_dir():
            continue
        images, files, folders = scan_folder(folder / name)
        for image in images:
            yield _video(root, image.with_suffix(""), label, [image])
        for file in files:
            yield _file(root, file, label)
        for inner in folders:
            yield from _videos_of(root, inner, label)


def _videos_of(root: Path, folder: Path, label: Literal[0, 1]) -> Iterator[Video]:
    """The video that a folder is, or the videos of the manipulation that it is."""
    images, files, folders = scan_folder(folder)
    if images and (folders or files):
        raise DataError(
            f"{folder} holds images and {'folders' if folders else 'video files'};"
            " it must be a video or hold videos"
        )
    if not folders and not files:
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
        raise DataError(f"no images in {path}; fill the folder or take it away")
    name = path.relative_to(root).as_posix()
    return Video(dataset="", id=name, label=label, frames=frames, method=method)


def _file(root: Path, path: Path, label: Literal[0, 1], method: str = "") -> Video:
    name = path.relative_to(root).with_suffix("").as_posix()
    return Video(dataset="", id=name, label=label, file=path, method=method)


def scan_folder(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Images, video files and folders in natural order; hidden and other files are no data."""
    images, files, folders = [], [], []
    with os.scandir(folder) as entries:
        names = {entry.name: entry.is_dir() for entry in entries}
    for name in sorted(names, key=natural):
        if name.startswith("."):
            continue
        if names[name]:
            folders.append(folder / name)
        elif os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122 - ten times as fast
            images.append(folder / name)
        elif is_video(Path(name)):
            files.append(folder / name)
    return images, files, folders


def _has_class(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in _CLASSES)


def _check_unique(root: Path, videos: Iterable[Video]) -> None:
    seen: set[str] = set()
    for video in videos:
        if video.id in seen:
            raise DataError(f"{root} holds {video.id} twice, with different suffixes")
        seen.add(video.id)


# --- both ------------------------------------------------------------------------------------


def _root(request: DatasetRequest, usage: str) -> Path:
    if request.root is None:
        raise DataError(f"data set {request.name!r} is no file or folder; write {usage}")
    return request.root


def _stem(path: str) -> str:
    """`a/b.c/d.png` -> `a/b.c/d`."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def _natural_path(row: dict[str, str]) -> list[str | int]:
    return natural(row["path"])
