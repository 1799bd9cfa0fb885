"""What commands that score files have in common: their inputs and their exit codes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.cli.detector_flags import configure_for_detectors
from registry.console import tell
from registry.errors import DataError
from registry.urls import refuse_url

__all__ = ["check_inputs", "configure_for_files", "unscored"]


def configure_for_files(parser: argparse.ArgumentParser, cls: type[Any], examples: str) -> None:
    """Add INPUT..., and the flags of `cls` and of the chosen detector."""
    configure_for_detectors(parser, cls, "options", examples)
    parser.usage = f"{parser.prog} INPUT... [options]"
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="an image, a video, or a folder"
    )


def check_inputs(inputs: Sequence[Path]) -> None:
    """Raise a DataError if none of `inputs` exists or one is a URL, before a model is built.

    If only some are missing, each has a line of its own and the others are scored.
    """
    missing = [path for path in inputs if not os.path.exists(path)]  # noqa: PTH110 - raises nothing
    for path in missing:
        refuse_url(path)
    if len(missing) < len(inputs) or not inputs:
        return
    listed = ", ".join(str(path) for path in inputs[:3])
    more = f" and {len(inputs) - 3} more" if len(inputs) > 3 else ""
    raise DataError(
        f"no such file or folder: {listed}{more}; name an image, a video, or a folder of them"
    )


def unscored(failed: int, count: int) -> int:
    """Return the exit code, 1 if a file has no score; print how many of several files have none."""
    if failed and count > 1:
        tell(f"{failed} of {count} files {'has' if failed == 1 else 'have'} no score")
    return int(failed > 0)
