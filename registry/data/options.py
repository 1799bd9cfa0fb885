"""What a configuration says about data besides names: roots, index files, path rewriting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from registry.contracts.types import WHOLE, DataOptions, VideoIndex
from registry.errors import ConfigError
from registry.settings.shared import DataSettings

__all__ = ["data_options", "resolved_lines"]


def data_options(config: DataSettings) -> DataOptions:
    """Collect the fields of a configuration that concern readers of data."""
    return DataOptions(
        data_root=_path(config.data_root),
        json_dir=_path(config.json_dir),
        compression=config.compression,
        path_map=tuple(map(_pair, config.path_map)),
        min_resolved=config.min_resolved,
        label_map=_path(config.label_map),
        whole=getattr(config, "crop_from", "auto") in WHOLE,
    )


def resolved_lines(found: Sequence[VideoIndex]) -> list[str]:
    """Return a line per data set with an index: which share of the listed files exists, by
    label.
    """
    lines = []
    for index in found:
        shares = ", ".join(
            f"{each.label} {each.found}/{each.listed} ({each.found / max(1, each.listed):.1%})"
            for each in index.resolved
        )
        if shares:
            name, split = index.videos[0].dataset, index.videos[0].split
            lines.append(
                f"{name}, split {split or 'made up'}, listed files that were found: {shares}"
            )
    return lines


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser()


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise ConfigError(f"--path-map {text!r} is not of the form OLD=NEW")
    return old, new
