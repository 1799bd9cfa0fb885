"""Count frames without a score chunk by chunk, and end a run in which too many fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from registry.errors import DataError
from registry.results.predictions import OK
from registry.scoring.chunks import Chunk, Unit

__all__ = ["Failures"]

_LISTED = 3  # reasons


class Failures:
    """How many of `frames` have failed and why; `allowed` is a share below 1, else a number."""

    def __init__(self, frames: int, allowed: float, folder: Path) -> None:
        self._frames, self._allowed, self._folder = frames, allowed, folder
        self._counts: Counter[str] = Counter()
        self._total = 0
        self._first: dict[str, Path] = {}

    def add(self, units: Sequence[Unit], chunk: Chunk) -> None:
        """Count the rows of a chunk that have no score."""
        for at in (chunk.status != OK).nonzero()[0]:
            reason = str(chunk.status[at])
            self._counts[reason] += 1
            self._total += 1
            self._first.setdefault(reason, units[chunk.unit[at]].frame.path)

    def check(self) -> None:
        """Raise a DataError if more have failed than allowed."""
        most = self._allowed * self._frames if self._allowed < 1 else self._allowed
        if self._total <= most:
            return
        worst = "; ".join(
            f"{count} x {reason}, first {self._first[reason]}"
            for reason, count in self._counts.most_common(_LISTED)
        )
        raise DataError(
            f"{self._total} of {self._frames} frames failed, more than --max-errors"
            f" {self._allowed:g} allows: {worst}. Finished work is kept in {self._folder};"
            " repair the data, or raise --max-errors, and run the same line again"
        )
