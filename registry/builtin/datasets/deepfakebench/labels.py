"""Which label groups of a DeepfakeBench JSON are real, which are fake, and by what manipulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from registry.errors import ConfigError, DataError, did_you_mean
from registry.settings.coerce import check
from registry.settings.load import load_yaml

__all__ = ["Labels", "load_labels"]

_SHIPPED = "deepfakebench"
_KEYS = ("labels", "methods")


@dataclass(frozen=True, kw_only=True)
class _File:
    """One YAML file of labels, as configs/data/deepfakebench.yaml describes it."""

    labels: Mapping[str, Literal[0, 1]] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Labels:
    """Files of labels, in order of precedence."""

    files: Sequence[_File]

    def label(self, group: str) -> Literal[0, 1]:
        """Return 0 for real, 1 for fake; a DataError says how to add an unknown group."""
        for file in self.files:
            if group in file.labels:
                return file.labels[group]
        for file in self.files:
            fitting = {name: each for name, each in file.labels.items() if fnmatchcase(group, name)}
            if len(set(fitting.values())) > 1:
                raise ConfigError(
                    f"label group {group!r} matches patterns of both labels:"
                    f" {', '.join(fitting)}; give it its own entry with --label-map FILE"
                )
            if fitting:
                return next(iter(fitting.values()))
        known = [name for file in self.files for name in file.labels]
        raise DataError(
            f"label group {group!r} is neither real nor fake by any"
            f" rule;{did_you_mean(group, known)} known: {', '.join(known)}. Label it in a"
            " YAML file and pass that with --label-map FILE:",
            "  labels:",
            f"    {group}: 1  # 0 real, 1 fake",
        )

    def method(self, group: str) -> str:
        """Return the name of a group's manipulation; "" for a real group."""
        if self.label(group) == 0:
            return ""
        return next((file.methods[group] for file in self.files if group in file.methods), group)


def load_labels(extra: Path | None) -> Labels:
    """Return the shipped labels, overridden by those of the user's YAML file if there is one."""
    names = ([] if extra is None else [str(extra)]) + [_SHIPPED]
    return Labels([_read(name) for name in names])


def _read(name: str) -> _File:
    values = load_yaml("data", name)
    for key in values:
        if key not in _KEYS:
            raise ConfigError(
                f"{name}: unknown key {key!r};{did_you_mean(str(key), _KEYS)} keys:"
                f" {', '.join(_KEYS)}"
            )
    try:
        return _File(**values)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
