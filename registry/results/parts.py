"""A part of an evaluation: one of several shards that separate processes score, to be merged.

The run folder of a part holds part.json in place of results and predictions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from registry.errors import BenchError, ConfigError, DataError
from registry.files import read_json, write_text
from registry.ranks import dealt
from registry.settings.coerce import build

__all__ = ["PART", "Part", "Shard", "refuse_part"]

PART = "part.json"

_SCHEMA = 1
_SHARD = re.compile(r"([0-9]{1,9})/([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th of `count` shards of an evaluation, counted from 1: some blocks of chunks."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ConfigError(
                f"shard is {self}; the first of {self.count} shards is 1/{self.count} and"
                f" the last {self.count}/{self.count}"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse `2/8` as a Shard; a ConfigError for any other text."""
        found = _SHARD.fullmatch(text)
        if found is None:
            raise ConfigError(f"shard is {text!r}; write I/N, such as 1/8 for the first of eight")
        return cls(int(found[1]), int(found[2]))

    def chunks(self, total: int) -> list[int]:
        """Return the indices of this shard's chunks among `total`."""
        return dealt(range(total), self.number - 1, self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The content of part.json: which shard of what, and its progress.

    `frames` are those of the whole evaluation. `maker` is a fingerprint of weights, crops and
    options, `data_fingerprint` one of the data; parts that are to be merged agree in both.
    `frames_scored` and `seconds` are what this part took.
    """

    shard: Shard
    frames: int
    maker: str
    data_fingerprint: str
    finished: bool = False
    frames_scored: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the text of part.json."""
        return json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    def save(self, folder: Path) -> None:
        """Write part.json into the run folder, whole or not at all."""
        write_text(folder / PART, self.to_text())

    @classmethod
    def load(cls, folder: Path) -> Part:
        """Load the part in a run folder; a DataError if there is none."""
        path = folder / PART
        try:
            record = dict(read_json(path))
            schema = record.pop("schema", None)
            if schema == _SCHEMA:
                return build(cls, record)
        except FileNotFoundError:
            raise DataError(
                f"no {PART} in {folder}; name folders that `bench eval --shard I/N` has written"
            ) from None
        except (BenchError, TypeError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}); run that shard again") from error
        raise DataError(f"{path} has schema {schema}, and this version of bench reads {_SCHEMA}")


def refuse_part(path: Path) -> None:
    """Raise a DataError if what is missing at `path` is missing because a part is there."""
    folder = path if path.is_dir() else path.parent
    if (folder / PART).is_file():
        shard = Part.load(folder).shard
        raise DataError(
            f"{folder} is part {shard} of an evaluation and has no results of its own;"
            f" merge all {shard.count} parts with `bench merge PARTS... --out DIR`, and"
            " name DIR"
        )
