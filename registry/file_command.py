"""What commands that score files have in common: their inputs, and how they end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from registry.console import tell
from registry.detector_flags import configure_for_detectors

__all__ = ["configure_for_files", "unscored"]


def configure_for_files(parser: argparse.ArgumentParser, cls: type[Any], examples: str) -> None:
    """INPUT..., and the flags of `cls` and of the chosen detector."""
    configure_for_detectors(parser, cls, "options", examples)
    parser.usage = f"{parser.prog} INPUT... [options]"
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="an image, a video, or a folder"
    )


def unscored(failed: int, count: int) -> int:
    """The exit code, 1 where a file has no score; of several files it says how many have none."""
    if failed and count > 1:
        tell(f"{failed} of {count} files have no score")
    return int(failed > 0)
