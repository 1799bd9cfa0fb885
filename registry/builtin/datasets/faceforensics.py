"""FaceForensics++ as it is published: its tree of videos, and split files of pairs of ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from registry.builtin.datasets.listed_videos import Listed, listed_index
from registry.builtin.datasets.splits import root_of
from registry.contracts.types import DatasetRequest, VideoIndex
from registry.errors import BenchError, DataError, EmptySplitError, did_you_mean
from registry.files import read_json

__all__ = ["ffpp_videos", "recognises_ffpp"]

_DATASET = "FaceForensics++"
_METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
_REAL = "original_sequences/youtube"
_FAKE = "manipulated_sequences"
_KINDS = ("videos", "frames", "images")
_SPLITS = ("train", "val", "test")


def recognises_ffpp(path: Path) -> bool:
    """Say whether a folder holds original_sequences/ and manipulated_sequences/."""
    return all((path / name).is_dir() for name in (_REAL, _FAKE))


def ffpp_videos(request: DatasetRequest) -> VideoIndex:
    """Return reals and the four manipulations of the pairs in SPLIT.json.

    The split files lie in the tree, in its folder splits/, or in `json_dir`. A pair [id1, id2]
    names two reals and, for each manipulation, the fakes id1_id2 and id2_id1. Videos are taken from
    `videos/` at the level of compression, else frames from `frames/` or `images/`.
    """
    root = root_of(request, "ffpp_videos:DIR, the folder that holds original_sequences/")
    level = request.options.compression or "c23"
    pairs = _pairs(_split_file(root, request))
    there = [name for name in _METHODS if (root / _FAKE / name).is_dir()]
    absent = [name for name in _METHODS if name not in there]
    other = sorted(
        path.name
        for path in (root / _FAKE).glob("*")
        if path.is_dir() and path.name not in _METHODS
    )
    notes = [f"manipulations of {_DATASET} that are missing: {', '.join(absent)}"] * bool(absent)
    if other:
        notes.append(f"folders of {_FAKE}/ that are not one of the four, left out: {other}")
    listed = list(_reals(_folder(root / _REAL, level), pairs, level, request.split))
    for method in there:
        folder = _folder(root / _FAKE / method, level)
        listed += _fakes(folder, pairs, level, method, request.split)
    return listed_index(_DATASET, listed, request, notes)


def _split_file(root: Path, request: DatasetRequest) -> Path:
    given = request.options.json_dir
    folders = [given] if given is not None else [root, root / "splits"]
    paths = [folder / f"{request.split}.json" for folder in folders]
    for path in paths:
        if path.is_file():
            return path
    known = [each for each in _SPLITS for path in paths if path.with_stem(each).is_file()]
    raise (EmptySplitError if known else DataError)(
        "no split file"
        f" {' or '.join(map(str, paths))};{did_you_mean(request.split, known)} found:"
        f" {', '.join(known) or 'none'}. Name the folder of FaceForensics++'s split files"
        " (train.json, val.json, test.json) with --json-dir DIR"
    )


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        content = read_json(path)
        pairs = [(first, second) for first, second in content]
        if not isinstance(content, list) or not all(isinstance(i, str) for p in pairs for i in p):
            raise TypeError('an id is a text such as "003"')
    except (OSError, BenchError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a list of pairs [id1, id2]: {error}") from None
    return pairs


def _folder(above: Path, level: str) -> Path:
    """Return the folder of the videos, or of the frames, of one kind at one level of
    compression.
    """
    folders = [above / level / kind for kind in _KINDS]
    for folder in folders:
        if folder.is_dir():
            return folder
    levels = sorted(path.name for path in above.glob("*") if path.is_dir())
    raise DataError(
        f"no {' or '.join(_KINDS)} in {above / level}; compression levels found:"
        f" {', '.join(levels) or 'none'}"
    )


def _reals(
    folder: Path, pairs: Sequence[tuple[str, str]], level: str, split: str
) -> Iterator[Listed]:
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        yield Listed(
            id=f"real/{level}/{name}",
            group="real",
            label=0,
            path=folder / f"{name}.mp4",
            split=split,
        )


def _fakes(
    folder: Path, pairs: Sequence[tuple[str, str]], level: str, method: str, split: str
) -> Iterator[Listed]:
    for first, second in pairs:
        for name in (f"{first}_{second}", f"{second}_{first}"):
            yield Listed(
                id=f"{method}/{level}/{name}",
                group=method,
                label=1,
                path=folder / f"{name}.mp4",
                split=split,
                method=method,
            )
