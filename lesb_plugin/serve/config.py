"""Settings of `bench serve`: every field is a flag and a key of a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lesb_plugin.explain.config import ExplainSettings
from registry import option

__all__ = ["ServeConfig"]


@dataclass(frozen=True, kw_only=True)
class ServeConfig(ExplainSettings):
    """One run of `bench serve`; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "serve"

    port: int = option(8765, "port on 127.0.0.1; 0: any free one", min=0, max=65535)
    max_megabytes: int = option(200, "largest file to accept, in megabytes", min=1)
    open: bool = option(False, "open the page in the browser")

    @property
    def most_bytes(self) -> int:
        """Return the largest file, in bytes."""
        return self.max_megabytes * 1_000_000
