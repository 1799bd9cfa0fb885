"""Say what a folder is, or what is wrong with a file, where a finished run was looked for."""

from __future__ import annotations

from pathlib import Path

from registry.errors import DataError, did_you_mean
from registry.results.parts import refuse_part
from registry.urls import refuse_url

__all__ = ["CHUNKS", "damaged_table", "lacking"]

CHUNKS = "chunks"  # the finished work in a run's folder
_MAGIC = b"PAR1"  # how a Parquet file begins and ends
_LISTED = 5
_AGAIN = "run the same `bench eval` again with"


def lacking(path: Path, name: str, other: str) -> DataError:
    """Return the error for a run's file `name` that is not at `path`; `other` is the second file
    of a run, which may be there.
    """
    refuse_part(path)
    if not path.exists():
        refuse_url(path)
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        return DataError(
            f"no such file or folder: {path};{hint} name the run folder that `bench eval` printed"
        )
    if (path / other).is_file():
        return DataError(
            f"{path} holds {other}, but not {name}; copy that file too, or {_AGAIN} --out {path}"
        )
    if (path / CHUNKS).is_dir():
        return DataError(
            f"{path} holds a run of `bench eval` that has not finished; {_AGAIN} --out {path}:"
            " it continues where it stopped"
        )
    return DataError(
        f"{path} is not a run folder of `bench eval`: it holds {_contents(path)}; name the folder"
        f" that holds {name}"
    )


def damaged_table(file: Path) -> DataError:
    """Return the error for a table that cannot be read as Parquet."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        begins = stream.read(len(_MAGIC)) == _MAGIC
        stream.seek(max(0, size - len(_MAGIC)))
        ends = stream.read() == _MAGIC
    what = (
        "is empty"
        if not size
        else "is not a Parquet file"
        if not begins
        else "is damaged"
        if ends
        else f"is cut short: it ends after {size:,} bytes, within a table"
    )
    return DataError(
        f"{file} {what}; copy it again from where the run was made, or {_AGAIN} --out {file.parent}"
    )


def _contents(folder: Path) -> str:
    names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more or "nothing"
