"""The videos of Deepfake-Eval-2024 as published: a folder of files and a table of labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import choose_split, root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.data.text_tables import check_columns, reading_table
from registry.errors import DataError
from registry.special_files import refuse_special

__all__ = ["deepfake_eval_videos", "recognises_deepfake_eval"]

_DATASET = "Deepfake-Eval-2024"
_TABLES = "video-metadata-publish*.csv"
_FOLDER = "video-data"
_NAME, _TRUTH, _SPLIT = "Filename", "Video Ground Truth", "Finetuning Set"
_LABELS: dict[str, Literal[0, 1]] = {"real": 0, "fake": 1}


def recognises_deepfake_eval(path: Path) -> bool:
    """Say whether a folder holds the table of its videos."""
    return path.is_dir() and _table(path) is not None


def deepfake_eval_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos that the table labels real or fake; a note counts the others, which are left
    out.

    Splits are those of a column `Finetuning Set`, if the table has it, else made up: then `test` is
    everything, which is how the set is used by those who do not train on it.
    """
    root = root_of(request, f"deepfake_eval_2024:DIR, a folder that holds {_TABLES}")
    table = _table(root)
    if table is None:
        raise DataError(f"{root} holds no {_TABLES}")
    rows = list(_rows(table))
    listed = [each for row in rows for each in _video(root, row)]
    left = len(rows) - len(listed)
    notes = [f"videos that the table calls neither real nor fake, left out: {left}"] * bool(left)
    index = listed_index(_DATASET, listed, request, notes)
    return replace(index, videos=tuple(choose_split(index.videos, request.split, _DATASET)))


def _table(root: Path) -> Path | None:
    return next(iter(sorted(root.glob(_TABLES))), None)


def _video(root: Path, row: dict[str, str]) -> Iterator[Listed]:
    label = _LABELS.get(row[_TRUTH].strip().lower())
    if label is None:
        return
    name = row[_NAME].strip()
    yield Listed(
        id=Path(name).stem,
        group="fake" if label else "real",
        label=label,
        path=root / _FOLDER / name,
        split=row.get(_SPLIT, "").strip().lower(),
        method="in the wild" if label else "",
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    refuse_special(path)
    with reading_table(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        check_columns(path, (_NAME, _TRUTH), reader.fieldnames or ())
        yield from reader
