"""`bench prepare --shards`: the crops of a data set in tar files, as WebDataset reads them.

    DIR/NAME_shards/NAME-SPLIT-000000.tar              samples in the order of the index
    DIR/NAME_shards/NAME-SPLIT-000000.tar.index.json   where each member lies, and its checksum

A sample is GROUP/KEY/012.png, 012.json (label, video, frame, landmarks, ...) and 012.mask.png if
the data has masks. The same crops give the same bytes, whatever was interrupted in between.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.archives import INDEX, ArchiveIndex, index_text, scanned
from registry.builtin.prepare.layout import Record, Store, Target
from registry.console import progress_bar
from registry.errors import ConfigError
from registry.faces.landmark_files import read_landmarks
from registry.files import parse_json, replacing, write_text
from registry.fingerprints import fingerprint

__all__ = ["check_writer", "shards_folder", "write_shards"]

_BLOCK = 512  # bytes: a member has a header of one, and is filled up to whole ones
_DIGITS = 24  # characters of a coordinate in JSON
_NO_OWNER = {"user": "bench", "group": "bench", "mtime": 0}  # nothing of this machine or this day


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """A sample to write."""

    key: str
    values: Mapping[str, Any]  # without the landmarks
    image: Path
    landmarks: Path
    mask: Path

    @cached_property
    def files(self) -> list[Path]:
        """Return those of its files that exist."""
        return [path for path in (self.image, self.landmarks, self.mask) if path.is_file()]

    @cached_property
    def size(self) -> int:
        """Return its size in an archive, at most: the JSON is not written yet."""
        sizes = {path: path.stat().st_size for path in self.files}
        numbers = sizes.pop(self.landmarks, 0) // 4
        members = [*sizes.values(), len(json.dumps(self.values)) + _DIGITS * numbers]
        return sum(_BLOCK + -(-size // _BLOCK) * _BLOCK for size in members)

    @property
    def described(self) -> dict[str, Any]:
        """Return what the index says of it."""
        return {**self.values, "landmarks": self.landmarks in self.files}

    def members(self) -> dict[str, Any]:
        """Return what WebDataset writes for it: bytes by suffix, and its key."""
        values = dict(self.values)
        if self.landmarks in self.files:
            values["landmarks"] = read_landmarks(self.landmarks).tolist()
        members = {"__key__": self.key, "png": self.image.read_bytes()}
        if self.mask in self.files:
            members["mask.png"] = self.mask.read_bytes()
        return {**members, "json": json.dumps(values).encode()}


def check_writer() -> None:
    """Raise a ConfigError, before any work, if the package that writes shards is missing."""
    try:
        there = importlib.util.find_spec("webdataset") is not None
    except ValueError:  # a module that was switched off
        there = False
    if not there:
        raise ConfigError(
            "--shards writes with the package webdataset, which is not installed:"
            " pip install 'lesb-plugin[wds]'"
        )


def shards_folder(store: Store) -> Path:
    """Return the folder of a data set's shards."""
    return store.out / f"{store.name}_shards"


def write_shards(
    store: Store, records: Sequence[Record], megabytes: int, *, quiet: bool = False
) -> list[Path]:
    """Write shards of up to `megabytes` (at least one sample) by split; keep those that are up
    to date.

    A shard is written again if its crops differ or are newer. Shards of an earlier run that no
    longer belong are deleted.
    """
    folder = shards_folder(store)
    plan = _plan(store, records, megabytes * 1_000_000)
    with progress_bar("packing", total=len(plan), unit="shard", quiet=quiet) as advance:
        for path, crops in plan.items():
            if not _is_finished(path, crops):
                _write(path, crops)
            advance(1)
    for path in folder.glob(f"{store.name}-*.tar"):
        if path not in plan and Path(f"{path}{INDEX}").is_file():
            path.unlink()
            Path(f"{path}{INDEX}").unlink()
    return list(plan)


def _plan(store: Store, records: Sequence[Record], limit: int) -> dict[Path, list[_Crop]]:
    """Divide samples into shards."""
    plan: dict[Path, list[_Crop]] = {}
    for split in sorted({split for record in records for split in record.splits}):
        crops = [
            crop for each in records if split in each.splits for crop in _crops(store, each, split)
        ]
        for number, group in enumerate(_groups(crops, limit)):
            plan[shards_folder(store) / f"{store.name}-{split}-{number:06d}.tar"] = group
    return plan


def _crops(store: Store, record: Record, split: str) -> Iterator[_Crop]:
    target = Target(root=store.root, group=record.group, key=record.key)
    fake = store.labels([record])[record.group]
    common = {
        "dataset": store.name,
        "video": f"{record.group}/{record.key}",
        "label": fake,
        "method": record.group if fake else "",
        "split": split,
    }
    for at, name in enumerate(record.crops):
        listed = f"./{store.name}/{record.group}/frames/{record.key}/{name}.png"
        yield _Crop(
            key=f"{record.group}/{record.key}/{name}",
            values={**common, "frame": at, "listed": listed},
            image=target.folder("frames") / f"{name}.png",
            landmarks=target.folder("landmarks") / f"{name}.npy",
            mask=target.folder("masks") / f"{name}.png",
        )


def _groups(crops: Sequence[_Crop], limit: int) -> Iterator[list[_Crop]]:
    group: list[_Crop] = []
    size = 0
    for crop in crops:
        if group and size + crop.size > limit:
            yield group
            group, size = [], 0
        group.append(crop)
        size += crop.size
    if group:
        yield group


def _made_of(crops: Sequence[_Crop]) -> str:
    return fingerprint([(crop.key, crop.described, _sizes(crop)) for crop in crops])


def _sizes(crop: _Crop) -> list[tuple[str, int]]:
    return [(path.parts[-3], path.stat().st_size) for path in crop.files]


def _is_finished(path: Path, crops: Sequence[_Crop]) -> bool:
    """Say whether a shard was made of these crops, judged by sizes and dates, as make does."""
    beside = Path(f"{path}{INDEX}")
    if not (path.is_file() and beside.is_file()):
        return False
    index = parse_json(beside.read_bytes(), str(beside))
    if index.get("made_of") != _made_of(crops) or index.get("size") != path.stat().st_size:
        return False
    written = path.stat().st_mtime_ns
    return all(each.stat().st_mtime_ns <= written for crop in crops for each in crop.files)


def _write(path: Path, crops: Sequence[_Crop]) -> None:
    """Write the archive, then its index: a shard with only one of them does not count as
    finished.
    """
    import webdataset

    Path(f"{path}{INDEX}").unlink(missing_ok=True)
    with replacing(path) as partial:
        with (
            partial.open("wb") as file,
            webdataset.TarWriter(file, encoder=False, **_NO_OWNER) as shard,
        ):
            for crop in crops:
                shard.write(crop.members())
        index = _indexed(partial, crops)
    write_text(Path(f"{path}{INDEX}"), index_text(index))


def _indexed(archive: Path, crops: Sequence[_Crop]) -> ArchiveIndex:
    index = scanned(str(archive))
    with archive.open("rb") as file:
        entries = {}
        for name, entry in index.entries.items():
            file.seek(entry.offset)
            digest = hashlib.sha256(file.read(entry.size)).hexdigest()
            entries[name] = replace(entry, sha256=digest)
    described = {crop.key: crop.described for crop in crops}
    return replace(index, entries=entries, samples=described, made_of=_made_of(crops))
