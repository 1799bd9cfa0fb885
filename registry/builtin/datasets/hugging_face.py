"""Image data sets of the package `datasets`: a folder that it saved, or a name on its hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from registry.builtin.datasets.deepfakebench.labels import Labels, load_labels
from registry.builtin.datasets.splits import choose_split
from registry.contracts.types import DatasetRequest, Frame, Video, VideoIndex
from registry.errors import ConfigError, DataError, EmptySplitError, did_you_mean
from registry.files import cache_or_scratch, is_there, replacing
from registry.fingerprints import fingerprint

__all__ = ["hugging_face_videos", "recognises_saved"]

_SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk leaves in a folder
_SPLITS = {"validation": "val", "valid": "val", "dev": "val"}  # their names by ours
_IMAGES, _LABELS = ("image", "img"), ("label", "labels")  # usual names of the two columns
_SUFFIXES = (  # by the first bytes; a reader goes by the bytes as well
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
    (b"RIFF", ".webp"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
)  # fmt: skip
_BATCH = 256


def recognises_saved(path: Path) -> bool:
    """Say whether `save_to_disk` of `datasets` made a folder."""
    return any((path / name).is_file() for name in _SAVED)


def hugging_face_videos(request: DatasetRequest) -> VideoIndex:
    """Return the images of a split, each a video of its own unless a column `video` names one.

    `hf:DIR` reads a folder, `hf:USER/NAME` or `hf:USER/NAME:CONFIG` asks the hub, which is the one
    thing here that needs a network. The image's bytes are written beside the caches once, as they
    are; every reader of images then decodes them as it does any file. A label is what its class is
    called, real or fake or a word of --label-map: numbers without names are refused, since data
    sets differ in which of them is fake.
    """
    opened, source = _opened(request), _source(request)
    note = f"images of {source.name}: copied to {source.folder}"
    if isinstance(opened, Mapping):
        split, table = _split(opened, request)
        return VideoIndex(videos=tuple(_videos(table, source, split)), notes=(note,))
    chosen = choose_split(_videos(opened, source, ""), request.split, source.name)
    return VideoIndex(videos=tuple(chosen), notes=(note,))


@dataclass(frozen=True, slots=True)
class _Source:
    """What is read: its name in results, where its images are written, and what its labels mean."""

    name: str
    folder: Path
    labels: Labels
    map_given: bool

    def label(self, word: str, column: str) -> Literal[0, 1]:
        """Return 0 for real, 1 for fake; a DataError for an unexplained number or word."""
        if word.isdecimal() and not self.map_given:
            raise DataError(
                f"column {column!r} of {self.name} holds numbers without names, and data"
                " sets differ in which of them means fake; say so in a YAML file and pass"
                ' it with --label-map FILE:\n  labels:\n    "0": 0  # 0 real, 1 fake\n'
                '    "1": 1'
            )
        return self.labels.label(word.lower() if word.lower() in {"real", "fake"} else word)


def _source(request: DatasetRequest) -> _Source:
    root, extra = request.root, request.options.label_map
    name = request.name if root is None else root.resolve().name
    key = fingerprint(request.name if root is None else str(root.resolve()))
    folder = cache_or_scratch() / "hf" / f"{name.replace('/', '_').replace(':', '_')}-{key[:8]}"
    return _Source(name, folder, load_labels(extra), extra is not None)


# --- opening -----------------------------------------------------------------------------------


def _opened(request: DatasetRequest) -> Any:
    """Return a table of `datasets`, or one for each split."""
    if not _installed():
        raise ConfigError(
            f"hf:{request.name} needs the package datasets, which is not installed: pip"
            " install 'lesb-plugin[hf]'"
        )
    import datasets

    root, named = request.root, request.name
    try:
        if root is not None and recognises_saved(root):
            return datasets.load_from_disk(str(root))
        if root is not None:
            return datasets.load_dataset(str(root))
        path, _, config = named.partition(":")
        return datasets.load_dataset(path, config or None)
    except Exception as error:  # noqa: BLE001 - a package's own boundary, with errors of five others
        text = " ".join(str(error).split())
        raise DataError(
            f"the package datasets cannot open {named!r} ({type(error).__name__}:"
            f" {text[:300]}); write hf:DIR for a folder written by save_to_disk, or one of"
            " parquet files or images, and hf:USER/NAME[:CONFIG] for a data set on the"
            " hub"
        ) from None


def _installed() -> bool:
    try:
        return importlib.util.find_spec("datasets") is not None
    except ValueError:  # a module that was switched off
        return False


def _split(opened: Mapping[str, Any], request: DatasetRequest) -> tuple[str, Any]:
    """Return our split; `datasets` calls val validation."""
    for theirs, table in opened.items():
        if request.split in {theirs, _SPLITS.get(theirs)}:
            return request.split, table
    raise EmptySplitError(
        f"no split {request.split!r} in {request.name};"
        f"{did_you_mean(request.split, opened)} splits: {', '.join(opened)}"
    )


# --- rows --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns hold the image and the label, and what the label's numbers are called."""

    image: str
    label: str
    classes: tuple[str, ...]

    def word(self, value: Any) -> str:
        """Return the name of a row's label."""
        if self.classes and isinstance(value, int):
            if not 0 <= value < len(self.classes):
                raise DataError(f"label {value} is not one of {', '.join(self.classes)}")
            return self.classes[value]
        return str(value)


def _columns(table: Any) -> _Columns:
    import datasets

    features = dict(table.features)
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    classes = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    image = _one("image", images, _IMAGES, features)
    label = _one("label", classes or [n for n in _LABELS if n in features], _LABELS, features)
    return _Columns(image, label, tuple(getattr(features[label], "names", None) or ()))


def _one(what: str, found: list[str], usual: tuple[str, ...], features: Mapping[str, Any]) -> str:
    """Return the column that is meant: the only one of its kind, or the one with the usual name."""
    if len(found) == 1:
        return found[0]
    named = [name for name in usual if name in found]
    if named:
        return named[0]
    listed = ", ".join(f"{name} ({type(kind).__name__})" for name, kind in features.items())
    number = "no column" if not found else f"{len(found)} columns ({', '.join(found)})"
    raise DataError(
        f"{number} of kind {what}; exactly one is needed, or one named"
        f" {' or '.join(usual)}; columns: {listed}"
    )


def _videos(table: Any, source: _Source, split: str) -> list[Video]:
    """Group rows into videos by their value of `video`, in order of `frame` or of the table."""
    columns = _columns(table)
    grouped: dict[str, list[tuple[dict[str, Any], Frame]]] = {}
    for at, row in enumerate(_rows(table, columns.image)):
        own = row.get("video")
        key = f"{split or 'all'}/{at:07d}"
        number = row["frame"] if isinstance(row.get("frame"), int) else at
        path = _image(row.pop(columns.image), source.folder / key)  # its bytes go out of memory
        frame = Frame(path=path, index=number)
        grouped.setdefault(key if own is None else str(own), []).append((row, frame))
    return [_video(key, rows, columns, source, split) for key, rows in grouped.items()]


def _rows(table: Any, image: str) -> Iterator[dict[str, Any]]:
    """Yield every row, its image as the bytes or the path that are stored."""
    import datasets

    plain = table.cast_column(image, datasets.Image(decode=False))
    for batch in plain.iter(batch_size=_BATCH):
        names = list(batch)
        for values in zip(*(batch[each] for each in names), strict=True):
            yield dict(zip(names, values, strict=True))


def _video(
    key: str,
    rows: list[tuple[dict[str, Any], Frame]],
    columns: _Columns,
    source: _Source,
    split: str,
) -> Video:
    first = rows[0][0]
    words = {columns.word(row[columns.label]) for row, _ in rows}
    if len(words) > 1:
        raise DataError(f"video {key!r} of {source.name} is both {' and '.join(sorted(words))}")
    (word,) = words
    label = source.label(word, columns.label)
    identity = first.get("identity")
    return Video(
        dataset=source.name,
        id=key,
        label=label,
        frames=tuple(sorted((frame for _, frame in rows), key=lambda each: each.index)),
        split=split,
        method=str(first.get("method") or _method(word)) if label else "",
        identity=None if identity is None else str(identity),
    )


def _method(word: str) -> str:
    """Return the class as a method, if its name says more than fake."""
    return "" if word.lower() == "fake" or word.isdecimal() else word


def _image(stored: Mapping[str, Any] | None, place: Path) -> Path:
    """Return the file of an image: the one that the table names, or its bytes, at `place`."""
    data, path = (stored or {}).get("bytes"), (stored or {}).get("path")
    if data is None:
        return Path(path) if path else place  # a row without an image is one with an error
    suffix = next((each for magic, each in _SUFFIXES if data.startswith(magic)), ".img")
    file = place.with_suffix(suffix)
    if not is_there(file) or file.read_bytes() != data:
        with replacing(file) as temporary:
            temporary.write_bytes(data)
    return file
