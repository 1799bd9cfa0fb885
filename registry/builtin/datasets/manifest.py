"""Reader of manifests, CSV files that list images or video files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.splits import choose_split, root_of
from registry.contracts.types import DatasetRequest, Frame, Video
from registry.data.media import natural
from registry.data.text_tables import check_columns, reading_table
from registry.data.videos import is_video
from registry.errors import DataError

__all__ = [
    "MANIFEST",
    "manifest_videos",
    "read_manifest",
    "recognises_manifest",
    "unconfirmed_videos",
]

MANIFEST = "manifest.csv"
_REQUIRED = ("path", "label")
# One value for all frames of a video.
_OF_VIDEO = ("label", "split", "method", "identity", "region", "perceived")
_LABELS: dict[str, Literal[0, 1]] = {"0": 0, "1": 1}
_LAST_FRAME = 2**31 - 1  # that predictions hold


def recognises_manifest(path: Path) -> bool:
    """Say whether a path is a .csv file, or a folder that holds manifest.csv."""
    return path.suffix.lower() == ".csv" if path.is_file() else (path / MANIFEST).is_file()


def manifest_videos(request: DatasetRequest) -> list[Video]:
    """Return videos of a manifest, in a data set named after the folder, or after a .csv of other
    name.
    """
    root = root_of(request, f"manifest:PATH, a .csv file or a folder that holds {MANIFEST}")
    path = root if root.is_file() else root / MANIFEST
    if not path.is_file():
        raise DataError(f"no {MANIFEST} in {root}")
    named = path.parent if path.name == MANIFEST else path.with_suffix("")
    return read_manifest(path, named.resolve().name, request.split)


def unconfirmed_videos(title: str, request: DatasetRequest) -> list[Video]:
    """Return videos of a known data set, read from a manifest in its folder.

    For data sets whose layout no public documentation confirms, so that it is not guessed.
    """
    usage = f"--dataset {request.name} --data-root DIR, a folder that holds {MANIFEST}"
    root = root_of(request, usage)
    path = root if root.is_file() else root / MANIFEST
    if not path.is_file():
        raise DataError(
            f"no {path}: the file layout of {title} could not be confirmed from public"
            f" documentation, so bench does not guess it; write a {MANIFEST} with the"
            " columns path and label (0 real, 1 fake), and method, identity, split where"
            " they are known"
        )
    return read_manifest(path, title, request.split)


def read_manifest(path: Path, dataset: str, split: str) -> list[Video]:
    """Return videos of one split of a CSV file with a header.

    Columns: path and label (0 real, 1 fake); of the video: identity, method, region, perceived
    (the parts that people took to be changed, as in region), split; of the frame: landmarks, mask,
    frame (its number). Paths are relative to the file. Rows with one value of `video` are one
    video, in order of `frame`, else in natural order of their paths; a row without is a video of
    its own, named by its path without suffix. A path may be a video file: with a number in `frame`
    it stands for that frame, without one for the whole video.
    """
    videos: dict[str, _ManifestRows] = {}
    for line, row in _rows(path):
        name = row.get("video") or _stem(row["path"])
        rows = videos.get(name)
        if rows is None:
            videos[name] = rows = _ManifestRows(name=name, line=line, first=row)
        else:
            _check_same(path, line, row, rows)
        rows.frames.append((line, row))
    if not videos:
        raise DataError(f"{path} has a header and no rows")
    return choose_split([rows.video(path, dataset) for rows in videos.values()], split, dataset)


@dataclass(slots=True)
class _ManifestRows:
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
            perceived=first.get("perceived") or None,
        )

    def _file(self, path: Path) -> Path | None:
        """Return the video file that the row names without a frame number."""
        for line, row in self.frames:
            if not is_video(Path(row["path"])) or row.get("frame"):
                continue
            given = [name for name in ("landmarks", "mask") if row.get(name)]
            if len(self.frames) > 1 or given:
                what = f"{', '.join(given)} of one frame" if given else "further rows"
                raise DataError(
                    f"{path}, line {line}: {row['path']} is a whole video and has {what};"
                    " give the frame numbers of a video file in a column `frame`"
                )
            return path.parent / row["path"]
        return None

    def _ordered(self, path: Path) -> Iterable[tuple[int, dict[str, str]]]:
        """Return rows with the numbers of their frames, in order."""
        if "frame" not in self.first:
            return enumerate(sorted((row for _, row in self.frames), key=_natural_path))
        numbered: dict[int, dict[str, str]] = {}
        for line, row in self.frames:
            if not row["frame"].isdecimal() or int(row["frame"]) > _LAST_FRAME:
                raise DataError(
                    f"{path}, line {line}: frame is {row['frame']!r}; expected a number"
                    f" from 0 to {_LAST_FRAME}"
                )
            if numbered.setdefault(int(row["frame"]), row) is not row:
                raise DataError(
                    f"{path}, line {line}: video {self.name!r} already has frame {row['frame']}"
                )
        return sorted(numbered.items())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers and cells by column, with path and label checked."""
    with reading_table(path, "manifest "), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if not cells:  # a blank line
                continue
            row = dict(zip(header, map(str.strip, cells), strict=False))
            _check_row(path, reader.line_num, row, len(cells), len(header))
            yield reader.line_num, row


def _check_header(path: Path, header: list[str]) -> None:
    check_columns(path, _REQUIRED, header)
    if len(set(header)) < len(header):
        raise DataError(f"{path} names a column twice: {', '.join(header)}")


def _check_row(path: Path, line: int, row: dict[str, str], cells: int, columns: int) -> None:
    if cells != columns:
        raise DataError(f"{path}, line {line}: {cells} cells for {columns} columns")
    if not row["path"]:
        raise DataError(f"{path}, line {line}: path is empty")
    if row["label"] not in _LABELS:
        raise DataError(
            f"{path}, line {line}: label is {row['label']!r}; it must be 0 (real) or 1 (fake)"
        )


def _check_same(path: Path, line: int, row: dict[str, str], rows: _ManifestRows) -> None:
    """Check that a row joins only a video that it names, and agrees with the video's other rows."""
    if not (row.get("video") and rows.first.get("video")):
        raise DataError(f"{path}, line {line}: {rows.name!r} is already in line {rows.line}")
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


def _stem(path: str) -> str:
    """Remove the suffix of the file name: `a/b.c/d.png` -> `a/b.c/d`."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def _natural_path(row: dict[str, str]) -> list[str | int]:
    return natural(row["path"])
