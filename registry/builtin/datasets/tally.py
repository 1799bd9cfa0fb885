"""Count the listed files that exist, and refuse data where too few do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.builtin.datasets.listed_paths import PathFinder
from registry.contracts.types import Resolved
from registry.errors import DataError

__all__ = ["FileTally"]

_LISTED = 3  # unresolved paths, and places tried for the first, in an error


@dataclass(slots=True)
class FileTally:
    """Listed and found files of one label group, or of one list."""

    group: str
    listed: int = 0
    found: int = 0
    missing: tuple[str, ...] = ()

    def add(self, listed: Sequence[str], paths: Sequence[Path | None]) -> None:
        absent = [text for text, path in zip(listed, paths, strict=True) if path is None]
        self.listed += len(listed)
        self.found += len(listed) - len(absent)
        self.missing = (*self.missing, *absent)[:_LISTED]

    def resolved(self) -> Resolved:
        return Resolved(label=self.group, found=self.found, listed=self.listed)

    def check(self, least: float, finder: PathFinder) -> None:
        if self.found >= least * self.listed:
            return
        lines = [f"  {text}" for text in self.missing]
        tried = finder.tried(self.missing[0])
        lines += [f"  tried for the first: {path}" for path in tried[:_LISTED]]
        if len(tried) > _LISTED:
            lines.append(f"  and {len(tried) - _LISTED} more places")
        raise DataError(
            f"{self.found} of the {self.listed} frames listed under {self.group} were"
            f" found ({self.found / self.listed:.1%}), fewer than --min-resolved {least:g}"
            " requires. Not found, first:",
            *lines,
            "Point --data-root at the folder that these paths start from, or replace"
            f" their beginning: --path-map '{_start(self.missing[0])}=DIR'",
        )


def _start(listed: str) -> str:
    r"""Return the start of a listed path that most likely needs rewriting: `Celeb-DF-v2` or
    `T:\x`.
    """
    cut = min((at for at in map(listed.find, ("/frames/", "\\frames\\")) if at > 0), default=0)
    return listed[:cut] or listed
