"""Protect a finished run's folder: a different run replaces it only on request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.errors import ConfigError
from registry.results.parts import PART, Part, Shard
from registry.results.result import RESULTS

__all__ = ["refuse_other_part", "refuse_other_run"]

_ON_WHAT = ("split", "limit", "corrupt", "frames", "faces", "make_edits")
_NAMES = ("detector", "backbone", "wrap", "explainer", *_ON_WHAT, "only", "extended")
_PLACES = ("dataset", "weights", "artefact", "wrap_artefact")


def refuse_other_run(folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise a ConfigError if the run in `folder` is of other data or another detector than
    `wanted`, or measures something else.

    Both are configurations, field by field; a field that either lacks is not compared. The same
    command counts as the same run, even if its backbone or artefact was trained again.
    """
    for name in (*_PLACES, *_NAMES):
        if name not in there or name not in wanted:
            continue
        read = _places if name in _PLACES else _names
        if read(there[name]) != read(wanted[name]):
            what = "on" if name == "dataset" else f"with {name}"
            listed = ", ".join(_names(there[name])) or "none given"
            raise ConfigError(
                f"{folder} holds a run {what} {listed}; choose another --out, or replace"
                " that run with --overwrite"
            )


def refuse_other_part(folder: Path, shard: Shard, *, overwrite: bool) -> None:
    """Raise a ConfigError if `shard` would be mixed with another one, or with a complete run.

    A complete run may continue where a part ended: it reuses its chunks.
    """
    if shard.count == 1:
        return
    if (folder / RESULTS).exists():
        raise ConfigError(f"{folder} holds a complete run; choose another --out for shard {shard}")
    if overwrite or not (folder / PART).exists():
        return
    there = Part.load(folder).shard
    if there != shard:
        raise ConfigError(
            f"{folder} holds shard {there}; choose another --out for shard {shard}, or"
            " replace it with --overwrite"
        )


def _places(value: Any) -> list[Path]:
    return [Path(name).absolute() for name in _names(value)]


def _names(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(name) for name in value] if isinstance(value, (list, tuple)) else [str(value)]
