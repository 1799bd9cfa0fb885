"""predictions.parquet: one row per face, from which every number can be recomputed.

Columns: dataset, video, frame, face, identity, label, method, region, split, path, listed (the path
as the data set's index writes it, if it has one), the crop's box x0 y0 x1 y1, status, then the
scores: `fake` of the detector itself, `fake_<variant>` of its other variants, `p_<part>` of face
parts. `status` is "ok", or the reason why there are no scores; a frame that could not be read or
holds no face is one row with such a reason. The file's metadata holds the `Settings`, so that it
needs no other file beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from registry.errors import BenchError, DataError, UnknownNameError, reading
from registry.files import parse_json, replacing
from registry.results.columns import typed_columns
from registry.results.method_groups import MethodGroup
from registry.results.run_contents import damaged_table, lacking
from registry.settings.coerce import build

__all__ = [
    "CONFORMAL",
    "OK",
    "PREDICTIONS",
    "SHARPNESS",
    "Settings",
    "predictions_table",
    "read_predictions",
    "score_columns",
    "write_predictions",
]

PREDICTIONS = "predictions.parquet"
SHARPNESS = "sharpness"  # the column that `faces.quality` fills
CONFORMAL = "conformal"  # p of the row's video among like real faces that the fit kept
OK = "ok"

MAX_DRAWS = 1_000_000  # of the bootstrap: more would be a slip, or a file made to fill the memory
_PROFILES, _LEVELS = {"strict", "deepfakebench"}, {"video", "frame"}

_FORMAT = 1
_METADATA = b"bench"
_COLUMNS: dict[str, pa.DataType] = {
    "dataset": pa.string(),
    "video": pa.string(),
    "frame": pa.int32(),
    "face": pa.int32(),
    "identity": pa.string(),
    "label": pa.int8(),
    "method": pa.string(),
    "region": pa.string(),
    "split": pa.string(),
    "path": pa.string(),
    "listed": pa.string(),
    "x0": pa.int32(),
    "y0": pa.int32(),
    "x1": pa.int32(),
    "y1": pa.int32(),
    "status": pa.string(),
    "sharpness": pa.float64(),
    "conformal": pa.float64(),
    "fake": pa.float64(),
}
_BOX = ("x0", "y0", "x1", "y1")
_NULLABLE = {"identity", "region", "listed", *_BOX, "sharpness", "conformal", "fake"}
_LATER = {"listed", "sharpness", "conformal"}  # columns that files of earlier versions lack


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is needed to turn face scores into the measurements of a run.

    `detector` names the main variant; a variant in `vote_variants` is, for a frame or a video, the
    majority of its part scores. `draws` and `seed` are the bootstrap's; each of `groups` is
    measured beside the methods that it pools.
    """

    detector: str
    metrics: tuple[str, ...]
    draws: int = field(default=2000, metadata={"min": 0, "max": MAX_DRAWS})
    seed: int = field(default=0, metadata={"min": 0})
    vote_variants: frozenset[str] = frozenset()
    profile: str = "strict"
    levels: tuple[str, ...] = ("video", "frame")
    groups: tuple[MethodGroup, ...] = ()

    def __post_init__(self) -> None:
        named = [("profile", self.profile, _PROFILES)]
        for kind, name, known in [*named, *(("level", each, _LEVELS) for each in self.levels)]:
            if name not in known:
                raise UnknownNameError(kind, name, known)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "vote_variants": sorted(self.vote_variants)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """Invert `to_json`; a ConfigError says what is wrong with a value."""
        return build(cls, values)


def predictions_table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Make the table of `columns` by name, equally long: typed, ordered and checked.

    `identity`, `region`, `listed` and the box may be left out; None stands for unknown. A row whose
    status is not "ok" holds None for every score. A DataError names what does not fit.
    """
    known = [name for name in columns if name in _COLUMNS or _is_score(name)]
    if len(known) < len(columns):
        extra = sorted(set(columns) - set(known))
        raise DataError(f"no such column in {PREDICTIONS}: {extra}; columns: {[*_COLUMNS]}")
    length = len(columns.get("status", ()))
    filled = {name: columns.get(name, [None] * length) for name in _COLUMNS if name in _NULLABLE}
    scores = [name for name in columns if _is_score(name) and name not in _COLUMNS]
    names = [name for name in _COLUMNS if name in columns or name in filled] + scores
    try:
        table = pa.table(
            {
                name: pa.array({**filled, **columns}[name], type=_COLUMNS.get(name, pa.float64()))
                for name in names
            }
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"predictions do not fit the columns of {PREDICTIONS}: {error}") from error
    _check(table, PREDICTIONS)
    return table


def write_predictions(path: Path, table: pa.Table, settings: Settings) -> None:
    """Write the table and its settings, whole or not at all; a DataError if that is impossible."""
    record = json.dumps({"format": _FORMAT, "settings": settings.to_json()})
    # An open file: Arrow takes a name with a colon for the address of a store on the network.
    with replacing(path) as temporary, temporary.open("wb") as file:
        pq.write_table(table.replace_schema_metadata({_METADATA: record}), file, compression="zstd")


def read_predictions(path: Path) -> tuple[pa.Table, Settings]:
    """Read the table and settings of a run; `path` is the file or the run folder that holds it."""
    file = path / PREDICTIONS if path.is_dir() else path
    if not file.is_file():
        raise lacking(path, PREDICTIONS, other="results.json")
    try:
        # Read as a file, not as a data set: folders named `a=b` would become columns.
        with file.open("rb") as stream:
            table = pq.ParquetFile(stream).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        with reading(file):
            raise damaged_table(file) from error
    settings = _settings(file, table.schema.metadata or {})
    table = _typed(table, str(file))
    _check(table, str(file))
    return table.replace_schema_metadata(None), settings


def _typed(table: pa.Table, source: str) -> pa.Table:
    """Return the table with its original columns, whatever program has rewritten it."""
    wanted = {
        name: _COLUMNS.get(name, pa.float64())
        for name in dict.fromkeys(table.column_names)
        if name in _COLUMNS or _is_score(name)
    }
    return typed_columns(table, wanted, source)


def score_columns(table: pa.Table) -> list[str]:
    """Name the columns that hold scores, in the table's order."""
    return [name for name in table.column_names if _is_score(name)]


def _is_score(name: str) -> bool:
    return name == "fake" or name.startswith(("fake_", "p_"))


def _settings(file: Path, metadata: Mapping[bytes, bytes]) -> Settings:
    if _METADATA not in metadata:
        raise DataError(f"{file} was not written by `bench eval`: its settings are missing")
    record = parse_json(metadata[_METADATA], f"the settings in {file}")
    if not isinstance(record, dict) or not isinstance(record.get("settings"), dict):
        raise DataError(f"the settings in {file} are damaged; run `bench eval` again")
    if record.get("format") != _FORMAT:
        raise DataError(
            f"{file} has format {record.get('format')}, and this version of bench reads"
            f" {_FORMAT}; read it with the version that wrote it"
        )
    try:
        return Settings.from_json(record["settings"])
    except BenchError as error:
        raise DataError(f"the settings in {file} are damaged ({error}); run again") from error


def _check(table: pa.Table, source: str) -> None:
    """Raise a DataError unless columns, labels, scores and rows are what the module says they
    are.
    """
    missing = [name for name in _COLUMNS.keys() - _LATER if name not in table.column_names]
    if missing:
        raise DataError(f"{source} lacks the columns {sorted(missing)}")
    for name in _COLUMNS.keys() - _NULLABLE:
        if table[name].null_count:
            raise DataError(f"{source}: column {name!r} has {table[name].null_count} empty cells")
    if not pc.all(pc.is_in(table["label"], pa.array([0, 1], pa.int8())), min_count=0).as_py():
        found = sorted(pc.unique(table["label"]).to_pylist())
        raise DataError(f"{source}: labels must be 0 (real) or 1 (fake), not {found}")
    scored = pc.equal(table["status"], OK)
    for name in score_columns(table):
        given = pc.fill_null(pc.is_finite(table[name]), False)
        wrong = pc.index(pc.not_equal(given, scored), True).as_py()
        outside = pc.and_(given, pc.or_(pc.less(table[name], 0), pc.greater(table[name], 1)))
        at = pc.index(pc.fill_null(outside, False), True).as_py()
        if at >= 0:
            raise DataError(
                f"{source}: {name} is {table[name][at].as_py():g}; scores must be in [0, 1]"
            )
        if wrong >= 0:
            row = table.slice(wrong, 1).to_pylist()[0]
            raise DataError(
                f"{source}: {name} is {row[name]} in a row of status {row['status']!r} "
                f"({row['dataset']}/{row['video']}); a row has scores if and only if it is {OK!r}"
            )
