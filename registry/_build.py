"""Build-time only: hands entry_points.toml to the packaging metadata. Not in the wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class EntryPointsHook(MetadataHookInterface):
    """Fills `scripts` and `entry-points` of the project table from entry_points.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        groups = tomllib.loads((Path(self.root) / "entry_points.toml").read_text("utf-8"))
        metadata["scripts"] = groups.pop("console_scripts")
        metadata["entry-points"] = groups
