"""The Deepfake Detection Challenge as published: videos beside labels.csv or metadata.json."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import choose_split, root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.data.text_tables import reading_table
from registry.errors import DataError
from registry.files import is_there, read_json

__all__ = ["dfdc_videos", "recognises_dfdc"]

_DATASET = "DFDC"
_CSV, _JSON = "labels.csv", "metadata.json"
_FLAGS: dict[str, Literal[0, 1]] = {"0": 0, "1": 1}
_WORDS: dict[str, Literal[0, 1]] = {"REAL": 0, "FAKE": 1}
_HEAD = re.compile(r'\s*\{\s*"[^"]+\.mp4"\s*:\s*\{')
_PLACES = ("", "videos", "test_videos")


def recognises_dfdc(path: Path) -> bool:
    """Say whether a folder holds labels.csv or metadata.json, or folders with metadata.json."""
    return path.is_dir() and bool(_tables(path))


def dfdc_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos of labels.csv (filename,label; 1 is fake), else of metadata.json (REAL, FAKE).

    A fake of metadata.json has the video that it was made from as its identity, so that both fall
    into one split and one draw of the bootstrap. Splits are those of the file, if it has any.
    """
    root = root_of(request, f"dfdc_videos:DIR, a folder that holds {_CSV} or {_JSON}")
    tables = _tables(root)
    if not tables:
        raise DataError(f"neither {root} nor its folders hold {_CSV} or {_JSON}")
    listed = [
        replace(each, id=f"{prefix}{each.id}")
        for table in tables
        for prefix in ["" if table.parent == root else f"{table.parent.name}/"]
        for each in (_of_csv(table) if table.name == _CSV else _of_json(table))
    ]
    doubled = [name for name, count in Counter(each.id for each in listed).items() if count > 1]
    if doubled:
        raise DataError(f"{root} lists {doubled[0]} twice")
    index = listed_index(_DATASET, listed, request)
    return replace(index, videos=tuple(choose_split(index.videos, request.split, _DATASET)))


def _tables(root: Path) -> list[Path]:
    """Return labels.csv, else metadata.json here, else those one folder deeper."""
    if _is_labels(root / _CSV):
        return [root / _CSV]
    here = [root / _JSON] if _is_metadata(root / _JSON) else []
    return here or [path for path in sorted(root.glob(f"*/{_JSON}")) if _is_metadata(path)]


def _is_labels(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        named = next(csv.reader([file.readline(4096)], skipinitialspace=True), [])
    return {"filename", "label"} <= {name.strip() for name in named}


def _is_metadata(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return _HEAD.match(file.read(1024)) is not None


def _of_csv(path: Path) -> Iterator[Listed]:
    with reading_table(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, skipinitialspace=True)
        header = [name.strip() for name in next(reader)]
        for cells in filter(None, reader):
            row = dict(zip(header, map(str.strip, cells), strict=False))
            name, flag = row.get("filename"), row.get("label")
            if not name or flag not in _FLAGS:
                raise DataError(
                    f"{path}, line {reader.line_num}: {name!r} has the label {flag!r};"
                    " expected a file name, and 0 (real) or 1 (fake)"
                )
            yield _video(path.parent, name, _FLAGS[flag], "", None)


def _of_json(path: Path) -> Iterator[Listed]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} must map names of videos to labels")
    for name, entry in content.items():
        word = entry.get("label") if isinstance(entry, dict) else None
        if not isinstance(word, str) or word not in _WORDS:
            raise DataError(f"{path}: {name} has the label {word!r}; it must be REAL or FAKE")
        original, split = entry.get("original") or name, entry.get("split") or ""
        if not (isinstance(original, str) and isinstance(split, str)):
            raise DataError(f"{path}: {name} has an original or a split that is not a text")
        yield _video(path.parent, name, _WORDS[word], split, Path(original).stem)


def _video(
    folder: Path, name: str, label: Literal[0, 1], split: str, identity: str | None
) -> Listed:
    places = [folder / place / name for place in _PLACES]
    return Listed(
        id=Path(name).stem,
        group="FAKE" if label else "REAL",
        label=label,
        path=next((path for path in places if is_there(path)), places[0]),
        split=split,
        identity=identity,
    )
