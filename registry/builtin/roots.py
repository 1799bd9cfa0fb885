"""The folder or file that a request for a data set is about."""

from __future__ import annotations

from pathlib import Path

from registry.errors import ConfigError
from registry.types import DatasetRequest

__all__ = ["root_of"]


def root_of(request: DatasetRequest, usage: str) -> Path:
    """The path named with the data set, or --data-root; a ConfigError where there is none."""
    root = request.root or request.options.data_root
    if root is None:
        raise ConfigError(f"data set {request.name!r} is no file or folder; write {usage}")
    if not root.exists():
        where = "--data-root DIR" if request.root is None else "the path of the data set"
        raise ConfigError(f"no folder {root}; check {where}")
    return root
