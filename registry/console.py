"""What the terminal sees: one progress bar for everything that may take over two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

__all__ = ["progress"]


def progress(
    items: Iterable[T], label: str, *, total: int | None = None, unit: str = "it", quiet: bool = False
) -> Iterator[T]:
    """Yield from `items` under a bar on standard error; in a log file a line every ten seconds."""
    from tqdm import tqdm

    interactive = sys.stderr.isatty()
    yield from tqdm(
        items,
        desc=label,
        total=total,
        unit=unit,
        disable=quiet,
        dynamic_ncols=interactive,
        mininterval=0.1 if interactive else 10.0,
        file=sys.stderr,
    )
