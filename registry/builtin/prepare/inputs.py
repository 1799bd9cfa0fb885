"""Turn what `bench prepare` is given (data sets, videos, images, folders) into labelled videos."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from registry.builtin.prepare.options import PrepareConfig
from registry.console import tell
from registry.contracts.types import Frame, Video
from registry.data.index import find_index
from registry.data.media import IMAGE_SUFFIXES, scan_folder, unread_notes
from registry.data.options import data_options
from registry.data.text_tables import check_columns, reading_table
from registry.data.videos import is_video
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import Plugins
from registry.ranks import this_rank
from registry.special_files import refuse_special

__all__ = ["find_inputs"]

Marking: TypeAlias = tuple[Literal[0, 1], str]  # label and manipulation
_LABELS: dict[str, Literal[0, 1]] = {"0": 0, "real": 0, "1": 1, "fake": 1}


def find_inputs(inputs: Sequence[str], config: PrepareConfig, plugins: Plugins) -> list[Video]:
    """Return videos of the split to write; those without a label from a data set get that of
    `config`.

    A file is a video, or an image that is a video of one frame; so is each of them in a folder that
    no reader of data sets recognises, and in its folders. A folder of images below it is a video.
    """
    videos: list[Video] = []
    notes: list[str] = []
    bare: list[tuple[str, Video]] = []
    for text in inputs:
        path = Path(text).expanduser()
        if _is_bare(path, plugins):
            bare += _bare_videos(path)
            notes += unread_notes([path] if path.is_dir() else [])
            continue
        index = find_index(text, config.split, plugins, data_options(config))
        videos += [replace(video, split=video.split or config.split) for video in index]
        notes += index.notes
    for note in dict.fromkeys(notes if this_rank().first else ()):
        tell(f"note: {note}")
    if bare:
        videos += _labelled(bare, config)
    elif config.label or config.labels:
        raise ConfigError(
            f"{', '.join(inputs)}: this data has its own labels; omit --label and"
            " --labels, or name its files or the folders below it"
        )
    return videos


def _is_bare(path: Path, plugins: Plugins) -> bool:
    if path.is_file():
        return is_video(path) or path.suffix.lower() in IMAGE_SUFFIXES
    specs = plugins.specs("dataset").values()
    return path.is_dir() and not any(
        spec.recognises is not None and spec.recognises(path) for spec in specs
    )


def _bare_videos(path: Path) -> list[tuple[str, Video]]:
    """Return videos without a label, each with its path below the named folder."""
    if path.is_file():
        return [_of_file(path.parent, path)]
    found = list(_walk(path, path))
    if not found:
        raise DataError(f"no video or image in {path} or in a folder below it")
    return found


def _walk(root: Path, folder: Path) -> Iterator[tuple[str, Video]]:
    images, files, folders = scan_folder(folder)
    if folder == root:
        files, images = images + files, []
    if images:
        frames = tuple(Frame(path=image, index=at) for at, image in enumerate(images))
        name = folder.relative_to(root).as_posix()
        yield name, Video(dataset=root.resolve().name, id=name, label=0, frames=frames)
    for file in files:
        yield _of_file(root, file)
    for inner in folders:
        yield from _walk(root, inner)


def _of_file(root: Path, file: Path) -> tuple[str, Video]:
    name = file.relative_to(root)
    video = Video(
        dataset=root.resolve().name,
        id=name.with_suffix("").as_posix(),
        label=0,
        file=file if is_video(file) else None,
        frames=() if is_video(file) else (Frame(path=file),),
    )
    return name.as_posix(), video


def _labelled(bare: Sequence[tuple[str, Video]], config: PrepareConfig) -> list[Video]:
    if config.label is None and config.labels is None:
        raise ConfigError(
            f"{_first(bare[0][0], len(bare))} no label; label it with --label real,"
            " --label fake, or --labels FILE (CSV with the columns path and label)"
        )
    markings: dict[str, Marking] = {}
    if config.labels is not None:
        markings = _read_labels(Path(config.labels).expanduser())
    rest = None if config.label is None else (_LABELS[config.label], "")
    found = [(name, _marking(name, markings) or rest) for name, _ in bare]
    missing = [name for name, marking in found if marking is None]
    if missing:
        raise DataError(
            f"{_first(missing[0], len(missing))} no label in {config.labels}; its paths"
            " must be file names, or paths relative to the folder that is prepared."
            " --label sets the label of all files that it does not list"
        )
    return [
        replace(video, label=marking[0], method=marking[1], split=config.split)
        for (_, video), (_, marking) in zip(bare, found, strict=True)
        if marking is not None
    ]


def _first(name: str, count: int) -> str:
    return f"{name} has" if count == 1 else f"{name} and {count - 1} more have"


def _marking(name: str, markings: dict[str, Marking]) -> Marking | None:
    path = Path(name)
    tried = (name, path.with_suffix("").as_posix(), path.name, path.stem)
    return next((markings[each] for each in tried if each in markings), None)


def _read_labels(path: Path) -> dict[str, Marking]:
    """Read label and manipulation by path from a CSV file with a header."""
    markings: dict[str, Marking] = {}
    refuse_special(path)
    with reading_table(path, "labels "), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        check_columns(path, ("path", "label"), reader.fieldnames or ())
        for row in reader:
            name, label = row["path"].strip(), _LABELS.get(row["label"].strip().lower())
            where = f"{path}, line {reader.line_num}"
            if label is None:
                raise DataError(f"{where}: label is {row['label']!r}; expected 0, 1, real or fake")
            marking = (label, (row.get("method") or "").strip() if label else "")
            if markings.setdefault(name, marking) != marking:
                raise DataError(f"{where}: {name} has another label in an earlier line")
    return markings
