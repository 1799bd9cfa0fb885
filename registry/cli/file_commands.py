"""What commands that score files have in common: their flags and their exit codes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from registry.cli.detector_flags import configure_for_detectors
from registry.console import tell

__all__ = ["configure_for_files", "unscored"]


def configure_for_files(parser: argparse.ArgumentParser, cls: type[Any], examples: str) -> None:
    """Add INPUT..., --start-at, and the flags of `cls` and of the chosen detector."""
    configure_for_detectors(parser, cls, "options", examples)
    parser.usage = f"{parser.prog} INPUT... [options]"
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="an image, a video, or a folder"
    )
    parser.add_argument(
        "--start-at",
        type=Path,
        metavar="FILE",
        help="go on with this file of the inputs and leave out those before it",
    )


def unscored(failed: int, count: int) -> int:
    """Return the exit code, 1 if a file has no score; print how many of several files have none."""
    if failed and count > 1:
        tell(f"{failed} of {count} files {'has' if failed == 1 else 'have'} no score")
    return int(failed > 0)
