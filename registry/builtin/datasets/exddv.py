"""ExDDV: videos of other data sets, with people's comments on what looks wrong in them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import root_of
from registry.contracts.types import DatasetRequest, Frame, Video, VideoIndex
from registry.data.text_tables import check_columns, reading_table
from registry.data.videos import is_video
from registry.errors import DataError, EmptySplitError
from registry.special_files import refuse_special

__all__ = ["exddv_click_videos", "exddv_videos", "perceived_parts", "recognises_exddv"]

_TABLE = "ExDDV.csv"
_COLUMNS = ("movie_name", "text", "dataset", "manipulation", "click_locations", "split")
_Clicks = dict[int, list[tuple[float, float]]]  # by the number of the frame, as they were made
_PARTS = {  # a word of the text, whole, by the part of a face that it is about
    "eyes": r"eyes?|eyebrows?|brows?|eyelids?|eyelashes|eyeballs?|iris(?:es)?|pupils?|blinks?"
    r"|blinking",
    "nose": r"noses?|nostrils?",
    "mouth": r"mouths?|lips?|tooth|teeth|tongues?|smiles?",
}


def recognises_exddv(path: Path) -> bool:
    """Say whether a folder holds ExDDV's table."""
    return path.is_dir() and (path / _TABLE).is_file()


def exddv_videos(request: DatasetRequest) -> VideoIndex:
    """Return the fakes that the table lists for a split, with the parts that their comments
    name.

    Videos lie anywhere below the folder, in folders that bear the names of the table's `dataset`
    and, where several videos share a name, of its `manipulation`. A comment on no particular
    part (the skin, the whole face, a flicker) leaves the part open.
    """
    root, rows = _chosen(request, "exddv")
    files = _files(root)
    listed: dict[str, Listed] = {}
    texts: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        key = _key(row)
        texts[key].append(row["text"])
        listed[key] = _listed(root, key, row, files, " ".join(texts[key]))
    note = "every video of the table is a fake: an audit of parts needs reals from another data set"
    return listed_index("ExDDV", listed.values(), request, [note])


def exddv_click_videos(request: DatasetRequest) -> VideoIndex:
    """Return the same videos, each with the frames that people clicked on and the places they hit.

    The table has them by number of the frame, as fractions of its width and height. What their
    texts say is left out: a face's parts are those that were clicked.
    """
    index = exddv_videos(request)
    clicks: dict[str, _Clicks] = defaultdict(lambda: defaultdict(list))
    outside = 0
    for row in _chosen(request, "exddv_clicks")[1]:
        for number, place in _places(row):
            if all(0 <= each <= 1 for each in place):
                clicks[_id(_key(row))][number].append(place)
            else:
                outside += 1
    videos = [_clicked(each, clicks[each.id]) for each in index.videos if each.id in clicks]
    notes = [f"clicks outside the frame, left out: {outside}"] * bool(outside)
    return replace(index, videos=tuple(v for v in videos if v.frames), notes=(*index.notes, *notes))


def _chosen(request: DatasetRequest, kind: str) -> tuple[Path, list[dict[str, str]]]:
    """Return the folder, and the rows of the split."""
    root = root_of(request, f"{kind}:DIR, a folder that holds {_TABLE} and the videos")
    rows = list(_rows(root / _TABLE))
    chosen = [row for row in rows if row["split"] == request.split]
    if not chosen:
        known = sorted({row["split"] for row in rows})
        raise EmptySplitError(
            f"no videos in split {request.split!r} of {root / _TABLE}; splits: {', '.join(known)}"
        )
    return root, chosen


def _key(row: Mapping[str, str]) -> str:
    return "/".join(filter(None, (row["dataset"], row["manipulation"], row["movie_name"])))


def _id(key: str) -> str:
    return str(Path(key).with_suffix(""))


def _places(row: Mapping[str, str]) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield the frame number and (x, y) of each click of a row."""
    try:
        clicks = json.loads(row["click_locations"] or "{}")
        for number, place in clicks.items():
            x, y = float(place["x"]), float(place["y"])
            if not (math.isfinite(x) and math.isfinite(y)):
                raise ValueError(f"a click at ({x}, {y})")
            yield int(number), (x, y)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(
            f"click_locations of {row['movie_name']} in {_TABLE} is not"
            f' {{"FRAME": {{"x": 0.5, "y": 0.5}}, ...}}: {error}'
        ) from None


def _clicked(video: Video, clicks: Mapping[int, list[tuple[float, float]]]) -> Video:
    """Return a video with its clicked frames only."""
    if video.file is not None:
        frames = [Frame(path=video.file, index=number) for number in sorted(clicks)]
    else:
        frames = [frame for frame in video.frames if frame.index in clicks]
    marked = tuple(replace(frame, clicks=tuple(clicks[frame.index])) for frame in frames)
    return replace(video, frames=marked, file=None, perceived=None)


def perceived_parts(text: str) -> str | None:
    """Return the parts that a comment names, as `region` writes them: `eyes+mouth`; None without
    any.
    """
    found = [
        part
        for part, words in _PARTS.items()
        if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)
    ]
    return "+".join(found) or None


def _listed(
    root: Path, key: str, row: dict[str, str], files: dict[str, list[Path]], text: str
) -> Listed:
    return Listed(
        id=_id(key),
        group=row["dataset"],
        label=1,
        path=_find(root, row, files.get(row["movie_name"], [])),
        split=row["split"],
        method=row["manipulation"] or row["dataset"],
        perceived=perceived_parts(text),
    )


def _find(root: Path, row: dict[str, str], paths: Sequence[Path]) -> Path:
    """Return the file whose folders have the row's names; if there is none, where it should be."""
    for wanted in ((row["dataset"], row["manipulation"]), (row["dataset"],)):
        names = {_plain(each) for each in wanted if each}
        fitting = [path for path in paths if names <= set(map(_plain, path.parts))]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise DataError(
                f"{row['movie_name']} of {row['dataset']} is both {fitting[0]} and"
                f" {fitting[1]}; use a folder name above the right one"
                f" {row['manipulation'] or row['dataset']}"
            )
    return root / row["dataset"] / row["manipulation"] / row["movie_name"]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _files(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if is_video(path):
            found[path.name].append(path)
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    refuse_special(path)
    with reading_table(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, restval="")
        check_columns(path, _COLUMNS, reader.fieldnames or ())
        for row in reader:
            yield {name: (row[name] or "").strip() for name in _COLUMNS}
