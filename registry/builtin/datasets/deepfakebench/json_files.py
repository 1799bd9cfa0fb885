"""DeepfakeBench's JSON files: where they are and what they list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.builtin.datasets.deepfakebench.sets import KnownSet, alias, known_set
from registry.contracts.types import DataOptions
from registry.data.media import natural
from registry.errors import ConfigError, DataError, EmptySplitError, did_you_mean
from registry.files import read_json
from registry.urls import refuse_url

__all__ = ["Index", "JsonEntry", "find_json", "is_index", "read_index"]

_SPLITS = ("train", "val", "test")
COMPRESSIONS = ("c23", "c40", "raw")
_HEAD = re.compile(r'\s*\{\s*"[^"]+"\s*:\s*\{\s*"[^"]+"\s*:\s*\{\s*"(train|val|test)"\s*:\s*\{')
_FOLDERS = ("", "dataset_json", "preprocessing/dataset_json", "../dataset_json")
_ABOVE = ("../preprocessing/dataset_json", "../../preprocessing/dataset_json")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonEntry:
    """A video as the JSON lists it; `compression` is "" in a flat set. Paths are as written.

    `label` is what the video says of itself: it may differ from its group. `frames` are in the
    order of the numbers in their names.
    """

    group: str
    label: str
    compression: str
    key: str
    frames: Sequence[str]
    masks: Sequence[str] = ()

    @property
    def id(self) -> str:
        """Return a name that is unique in its data set: `FF-DF/c23/000_003`,
        `CelebDFv2_real/00000`.
        """
        return "/".join(filter(None, (self.group, self.compression, self.key)))


@dataclass(frozen=True, slots=True)
class Index:
    """The content of one JSON file; `name` is its only key at the top."""

    path: Path
    name: str
    groups: dict[str, Any]

    def entries(self, split: str, compression: str | None) -> list[JsonEntry]:
        """Return videos of one split at one level of compression, in the order of the file.

        `compression` None takes the level in the file's name (`..._c40.json`), else c23; in a flat
        set there are no levels. A DataError lists what there is where nothing is.
        """
        wanted = compression or self._level_in_name() or COMPRESSIONS[0]
        every = list(self._of_split(split))
        found = [each for each in every if each.compression in {"", wanted}]
        if not found:
            raise self._nothing(split, wanted, every)
        return found

    def _level_in_name(self) -> str | None:
        last = self.path.stem.rpartition("_")[2]
        return last if last in COMPRESSIONS else None

    def _of_split(self, split: str) -> Iterator[JsonEntry]:
        """Read every level of one split; others may be malformed, as `val` of DFDC."""
        for group, splits in self.groups.items():
            videos = self._mapping(splits, group).get(split, {})
            for key, value in self._mapping(videos, f"{group}/{split}").items():
                where = f"{group}/{split}/{key}"
                if isinstance(value, dict) and "frames" in value:
                    yield self._entry(group, "", key, value, where)
                    continue
                # One level more: what looked like a video is a level of compression.
                for inner, video in self._mapping(value, where).items():
                    yield self._entry(group, key, inner, video, f"{where}/{inner}")

    def _entry(self, group: str, level: str, key: str, value: Any, where: str) -> JsonEntry:
        value = self._mapping(value, where)
        return JsonEntry(
            group=group,
            label=str(value.get("label", group)),
            compression=level,
            key=key,
            frames=sorted(self._paths(value.get("frames"), f"frames of {where}"), key=_by_name),
            masks=self._paths(value.get("masks", []), f"masks of {where}"),
        )

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise DataError(
                f"{self.path}: {where} is a {type(value).__name__}; a DeepfakeBench JSON"
                " nests label, split, (compression,) video and then `frames`"
            )
        return value

    def _paths(self, value: Any, what: str) -> Sequence[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise DataError(f"{self.path}: the {what} must be a list of paths")
        return value

    def _nothing(self, split: str, wanted: str, every: Sequence[JsonEntry]) -> DataError:
        levels = sorted({each.compression for each in every})
        if levels:
            return DataError(
                f"no videos of compression {wanted!r} in split {split!r} of {self.path};"
                f" available: {', '.join(levels)}; pass --compression {levels[0]}"
            )
        known = [name for name in self._splits() if name != split]
        return (EmptySplitError if known else DataError)(
            f"no videos in split {split!r} of {self.path};{did_you_mean(split, known)}"
            f" splits with videos: {', '.join(known) or 'none'}"
        )

    def _splits(self) -> list[str]:
        """Return the names of splits that are not empty."""
        groups = [splits for splits in self.groups.values() if isinstance(splits, dict)]
        return sorted({name for splits in groups for name, videos in splits.items() if videos})


def _by_name(listed: str) -> list[str | int]:
    """Sort by the numbers in file names: a JSON has the order in which a folder was scanned."""
    return natural(listed.replace("\\", "/").rpartition("/")[2])


def is_index(path: Path) -> bool:
    """Say whether a file begins like a DeepfakeBench JSON; only its start is read."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return _HEAD.match(file.read(4096)) is not None


def read_index(path: Path) -> Index:
    """Read the file, checked down to its one key at the top; the rest is checked when it is
    used.
    """
    content = read_json(path)
    if not isinstance(content, dict) or len(content) != 1:
        found = (
            ", ".join(list(content)[:5]) if isinstance(content, dict) else type(content).__name__
        )
        raise DataError(f"{path} must have the data set's name as its only key; it has {found}")
    ((name, groups),) = content.items()
    if not isinstance(groups, dict):
        raise DataError(f"{path}: {name} must hold label groups, not a {type(groups).__name__}")
    return Index(path, name, groups)


def find_json(name: str, options: DataOptions) -> Path:
    """Return the JSON of a stem, else of its snake_case form or of a known set's short name.

    Where a compression is asked for, `NAME_c40.json` goes before `NAME.json`.
    """
    if options.json_dir is not None and options.json_dir.is_file():
        return options.json_dir
    folders = _folders(options.json_dir, options.data_root)
    files: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.json"))):
        files.setdefault(path.stem, path)
    known = known_set(name)
    for stem in dict.fromkeys([name, *_stems(name, known)]):
        for each in (f"{stem}_{options.compression}", stem):
            if each in files:
                return files[each]
    for stem, path in files.items():
        if alias(stem) == name:
            return path
    wanted = _stems(name, known)[0]
    raise DataError(
        f"no {wanted}.json in {', '.join(map(str, folders))};{did_you_mean(wanted, files)}"
        f" found: {', '.join(sorted(files)) or 'no JSON file'}. Name the folder of"
        " DeepfakeBench's JSON files with --json-dir DIR"
    )


def _stems(name: str, known: KnownSet | None) -> list[str]:
    return [name] if known is None else [each for each in (known.stem, known.part_of) if each]


def _folders(json_dir: Path | None, data_root: Path | None) -> list[Path]:
    if json_dir is not None:
        if not json_dir.is_dir():
            raise ConfigError(f"no folder {json_dir}; check --json-dir DIR")
        return [json_dir]
    if data_root is None:
        raise ConfigError(
            "a DeepfakeBench data set needs --data-root DIR, the folder of its frames,"
            " and --json-dir DIR if its JSON files are elsewhere"
        )
    if not data_root.is_dir():
        refuse_url(data_root)
        raise ConfigError(f"no folder {data_root}; check --data-root DIR")
    likely = [(data_root / folder).resolve() for folder in (*_FOLDERS, *_ABOVE)]
    return list(dict.fromkeys(folder for folder in likely if folder.is_dir()))
