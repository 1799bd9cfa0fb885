"""A data set of crops on disk, in DeepfakeBench's layout, and the record of what made each video.

    DIR/NAME.json                           the index, in DeepfakeBench's form; paths start at DIR
    DIR/NAME_label_dict.yaml                its labels, as DeepfakeBench's configuration wants them
    DIR/NAME_failures.csv                   frames without a crop, with the reason
    DIR/NAME/prepare.json                   the settings that all crops share
    DIR/NAME/GROUP/frames/KEY/012.png       the crop of frame 12; further faces are 012_1.png, ...
    DIR/NAME/GROUP/landmarks/KEY/012.npy    its landmarks (68|81, 2) in pixels of the crop
    DIR/NAME/GROUP/masks/KEY/012.png        white where it was changed, if the data has masks
    DIR/NAME/GROUP/records/KEY.json         written last: a video that has one is finished

GROUP is NAME_real, NAME_fake or NAME_METHOD_fake. KEY starts with the same word, as DeepfakeBench
takes two videos for one whose folders have the same name, whatever lies above.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.builtin.prepare.png_files import write_mask, write_photograph
from registry.contracts.types import Crop, Video
from registry.errors import BenchError, ConfigError, DataError
from registry.files import read_json, replacing, write_text
from registry.leftovers import is_unfinished, sweep
from registry.owner import LOCK
from registry.settings.coerce import build
from registry.settings.load import load_yaml
from registry.untrusted import csv_cell

__all__ = ["Record", "Store", "Target", "add_split", "check_clashes", "save_record", "targets"]

_SPLITS = ("train", "val", "test")
_NAME, _SETTINGS = re.compile(r"[\w.+-]+"), "prepare.json"
_COMPRESSED = frozenset(
    ["FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FaceForensics++", "DeepFakeDetection", "FaceShifter"]
)
_UNSAID = {"search": "full"}  # settings that are not written where they have this value
_FRAGMENT = """\
# For a DeepfakeBench checkout: add these lines to the existing label_dict in
# training/config/test_config.yaml (0 real, 1 fake).
label_dict:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The result of one video; `crops` are file names without suffix, in order.

    `masks` are those that have one. `settings` and `source` identify how and of what it was made.
    """

    settings: str
    source: str
    input: str
    group: str
    key: str
    splits: Sequence[str]
    frames: int
    crops: Sequence[str]
    failures: Sequence[tuple[int, str]]
    masks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The place of one video's crops."""

    root: Path  # DIR/NAME
    group: str
    key: str

    def folder(self, kind: str) -> Path:
        """`frames`, `landmarks` or `masks` of the video."""
        return self.root / self.group / kind / self.key

    @property
    def record(self) -> Path:
        """Return the file that marks the video as finished."""
        return self.root / self.group / "records" / f"{self.key}.json"

    def clear(self) -> None:
        """Delete what an earlier or interrupted run has left of the video."""
        self.record.unlink(missing_ok=True)
        for kind in ("frames", "landmarks", "masks"):
            shutil.rmtree(self.folder(kind), ignore_errors=True)

    def write(self, name: str, crop: Crop, mask: NDArray[np.bool_] | None = None) -> None:
        """Write a crop as a PNG file, its landmarks, and its mask of changes (S, S)."""
        write_photograph(self.folder("frames") / f"{name}.png", crop.image)
        if mask is not None:
            write_mask(self.folder("masks") / f"{name}.png", mask)
        if crop.landmarks is not None:
            with replacing(self.folder("landmarks") / f"{name}.npy") as file, file.open("wb") as to:
                np.save(to, crop.landmarks)

    def finished(self, settings: str, source: str) -> bool:
        """Say whether the video has been prepared from the same file in the same way."""
        if not self.record.is_file():
            return False
        record = read_record(self.record)
        folder = self.folder("frames")
        there = set(os.listdir(folder)) if folder.is_dir() else set()  # noqa: PTH208 - names only
        same = (record.settings, record.source) == (settings, source)
        return same and {f"{name}.png" for name in record.crops} <= there


def read_record(path: Path) -> Record:
    """Return a record; a DataError where the file is not one."""
    try:
        values = read_json(path)
        if "split" in values:  # as 0.1.0 had it
            values["splits"] = [values.pop("split")]
        return build(Record, values)
    except (OSError, BenchError, TypeError, AttributeError) as error:
        raise DataError(
            f"cannot read {path}: {error}; delete it, and the video is prepared again"
        ) from None


def targets(root: Path, videos: Iterable[Video]) -> list[Target]:
    """Return the place of each video; a DataError for two that would share one."""
    taken: dict[str, Video] = {}
    found = []
    for video in videos:
        word = "fake" if video.label else "real"
        middle = f"{_plain(video.method)}_" if video.method else ""
        key = f"{word}_{_plain(video.id.removeprefix(word + '/'))}"
        other = taken.setdefault(key, video)
        if other is not video:
            raise DataError(
                f"{_place(other)} and {_place(video)} would both be {key}, and one video to"
                " DeepfakeBench; rename one, or give each an --out of its own"
            )
        found.append(Target(root=root, group=f"{root.name}_{middle}{word}", key=key))
    return found


def _place(video: Video) -> Path:
    return video.file or video.frames[0].path


class Store:
    """The folder of a data set of crops; made for one set of settings."""

    def __init__(
        self,
        out: Path,
        name: str,
        settings: dict[str, Any],
        *,
        checkout: Path | None = None,
        overwrite: bool,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"--name {name!r} may contain only letters, digits and . _ + -")
        self.out, self.name, self.root = out, name, out / name
        self.fragment = out / f"{name}_label_dict.yaml"
        self.listing: Path | None = None
        self._start = "./"
        if checkout is not None:
            self.listing, self._start = _listing(checkout, out, name)
        self.index, self.failures = out / f"{name}.json", out / f"{name}_failures.csv"
        file = self.root / _SETTINGS
        sweep(self.root, *self.root.glob("*/records"))  # of groups that are finished, too
        if self.root.exists() and not file.is_file() and _is_not_empty(self.root):
            raise ConfigError(
                f"{self.root} holds something that `bench prepare` did not write; choose"
                " another --out or --name"
            )
        if file.is_file() and not overwrite:
            _refuse_other(file, settings)
        write_text(file, json.dumps(settings, indent=1))

    def write_index(self, settings: str) -> list[Record]:
        """Write the JSON and the list of failures, from all records with these settings."""
        paths = sorted(self.root.glob("*/records/*.json"))
        records = [each for path in paths if (each := read_record(path)).settings == settings]
        lists = {self.index: "./"} | ({} if self.listing is None else {self.listing: self._start})
        for path, start in lists.items():
            groups = _groups(f"{start}{self.name}", records)
            write_text(path, json.dumps({self.name: groups}, indent=1))
        lines = [f"  {group}: {label}\n" for group, label in self.labels(records).items()]
        write_text(self.fragment, _FRAGMENT + "".join(lines))
        with replacing(self.failures) as file, file.open("w", newline="", encoding="utf-8") as to:
            rows = csv.writer(to)
            rows.writerow(["input", "video", "frame", "reason"])
            rows.writerows(
                [csv_cell(each.input), f"{each.group}/{each.key}", frame, csv_cell(reason)]
                for each in records
                for frame, reason in each.failures
            )
        return records

    def labels(self, records: Iterable[Record]) -> dict[str, int]:
        """Return 0 for label groups of reals, 1 for those of fakes."""
        return {name: int(name.endswith("fake")) for name in sorted({r.group for r in records})}


def _listing(checkout: Path, out: Path, name: str) -> tuple[Path, str]:
    """Return the JSON file in a checkout, and the start of paths in it, relative to its folder.

    Its loader takes all other paths for paths on Windows. A ConfigError for what it would misread.
    """
    if not (checkout / "training").is_dir():
        raise ConfigError(f"{checkout} has no folder training/; check --checkout DIR")
    start = Path(os.path.relpath(out.resolve(), checkout.resolve())).as_posix()
    start = f"{start}/" if start.startswith("..") else f"./{start}/"
    if "frames" in f"{start}{name}":
        raise ConfigError(
            "DeepfakeBench finds landmarks and masks by replacing `frames` in a path, and"
            f" {start}{name} contains it too; choose another --out or --name"
        )
    if name in _COMPRESSED:
        raise ConfigError(
            f"DeepfakeBench expects compression levels in a data set named {name}, and"
            " crops have none; choose another --name"
        )
    return _json_folder(checkout) / f"{name}.json", start


def _json_folder(checkout: Path) -> Path:
    """Return where the checkout's test script looks for JSON files, by its configuration."""
    config = checkout / "training" / "config" / "test_config.yaml"
    values = load_yaml("", str(config)) if config.is_file() else {}
    return checkout / str(values.get("dataset_json_folder", "preprocessing/dataset_json"))


def _is_not_empty(folder: Path) -> bool:
    """Say whether there is anything besides a lock and what a killed run was writing."""
    return any(not is_unfinished(each.name) and each.name != LOCK for each in folder.iterdir())


def save_record(target: Target, record: Record) -> None:
    """Mark the video as finished."""
    write_text(target.record, json.dumps(asdict(record)))


def add_split(target: Target, split: str) -> None:
    """Record that a finished video is in this split too, as splits may overlap."""
    record = read_record(target.record)
    if split not in record.splits:
        save_record(target, replace(record, splits=[*record.splits, split]))


def check_clashes(root: Path, todo: Iterable[tuple[Target, str]]) -> None:
    """Raise a DataError if a video would replace another, or become real and fake at once.

    `todo` are the places of videos that are not finished, and what each is made of (`input`).
    """
    records = [read_record(path) for path in sorted(root.glob("*/records/*.json"))]
    by_place = {(each.group, each.key): each for each in records}
    by_input = {each.input: each for each in records}
    for target, source in todo:
        there = by_place.get((target.group, target.key))
        if there is not None and there.input != source:
            raise DataError(
                f"{there.input} was prepared as {there.group}/{there.key}, and {source} would"
                " overwrite it; use a separate --out, or replace it with --overwrite"
            )
        other = by_input.get(source)
        if other is not None and other.group != target.group:
            raise DataError(
                f"{source} was prepared as {other.group} and would now be {target.group}"
                f" as well; use a separate --out, or delete {root / other.group} first"
            )


def _refuse_other(file: Path, settings: dict[str, Any]) -> None:
    there = read_json(file)
    if not isinstance(there, dict):
        raise DataError(f"{file} holds no settings; choose another --out, or --overwrite")
    there, here = _UNSAID | there, _UNSAID | settings
    differ = [key for key in here if there.get(key) != here[key]]
    if differ:
        alone = "another landmark predictor"  # whose checksum says nothing to people
        other = [f"{key} {there.get(key)!r}" for key in differ if key != "reader"]
        raise ConfigError(
            f"{file.parent} holds crops with other settings: {', '.join(other) or alone}; choose"
            " another --out or --name, or make them again with --overwrite"
        )


def _groups(root: str, records: Sequence[Record]) -> dict[str, Any]:
    """Return label group, split and video, as DeepfakeBench expects under the data set's name.

    Videos without a crop are left out: DeepfakeBench stops at an empty list of frames.
    """
    groups: dict[str, Any] = {}
    for record in records:
        splits = groups.setdefault(record.group, {split: {} for split in _SPLITS})
        if record.crops:
            frames = _listed(root, record, "frames", record.crops)
            entry: dict[str, Any] = {"label": record.group, "frames": frames}
            if record.masks:
                entry["masks"] = _listed(root, record, "masks", record.masks)
            for split in record.splits:
                splits.setdefault(split, {})[record.key] = entry
    return groups


def _listed(root: str, record: Record, kind: str, names: Sequence[str]) -> list[str]:
    folder = f"{root}/{record.group}/{kind}/{record.key}"
    return [f"{folder}/{name}.png" for name in names]


def _plain(text: str) -> str:
    r"""Make a name that is one folder on every system: `a/b c` -> `a__b_c`."""
    return re.sub(r"[^\w.+-]", "_", text.replace("/", "__"))
