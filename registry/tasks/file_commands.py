"""What commands that score files have in common: their flags, their inputs and exit codes."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from registry.cli.detector_flags import configure_for_detectors
from registry.console import tell
from registry.data.dataset_hints import dataset_notes, is_dataset
from registry.data.inputs import find_media
from registry.data.media import is_media
from registry.errors import ConfigError, DataError, did_you_mean
from registry.plugins.discovery import load_plugins
from registry.urls import refuse_url

__all__ = ["check_inputs", "configure_for_files", "unscored"]


def configure_for_files(parser: argparse.ArgumentParser, cls: type[Any], examples: str) -> None:
    """Add INPUT..., --start-at, and the flags of `cls` and of the chosen detector."""
    configure_for_detectors(parser, cls, "options", examples)
    parser.usage = f"{parser.prog} INPUT... [options]"
    parser.add_argument(
        "inputs", nargs="+", type=_path, metavar="INPUT", help="an image, a video, or a folder"
    )
    parser.add_argument(
        "--start-at",
        type=Path,
        metavar="FILE",
        help="go on with this file of the inputs and leave out those before it",
    )


def _path(text: str) -> Path:
    if not text:  # Path("") is the working directory
        raise argparse.ArgumentTypeError("an empty name, as of a variable that is not set")
    return Path(text)


def check_inputs(
    inputs: Sequence[Path], first: Path | None = None, *, clips: bool = False
) -> list[Path]:
    """Return the inputs, or their files from `first` on, before a model is built.

    A DataError if none exists, one is a URL, all are lists of data sets, or with `clips`, that of
    `find_media`, one is a data set; if some can be scored, each of the others has a line of its
    own. A ConfigError if `first` is no file of theirs.
    """
    missing = [path for path in inputs if not os.path.exists(path)]  # noqa: PTH110 - raises nothing
    for path in missing:
        refuse_url(path)
    if inputs and len(missing) == len(inputs):
        raise DataError(
            f"no such file or folder: {_listed(inputs)}; name an image, a video, or a folder of"
            " them"
        )
    _refuse_lists([path for path in inputs if path not in missing])
    if clips:
        _refuse_data_sets(inputs)
    return [*inputs] if first is None else _from(first, [*find_media(inputs, clips=clips)])


def unscored(failed: int, count: int) -> int:
    """Return the exit code, 1 if a file has no score; print how many of several files have none."""
    if failed and count > 1:
        tell(f"{failed} of {count} files {'has' if failed == 1 else 'have'} no score")
    return int(failed > 0)


def _refuse_lists(inputs: Sequence[Path]) -> None:
    """Raise a DataError if every input is a manifest or another list of a data set's files."""
    if any(is_media(path) or not path.is_file() for path in inputs):
        return
    notes = dataset_notes(inputs, load_plugins().unambiguous("dataset").values())
    if notes and len(notes) == len(set(inputs)):
        raise DataError(f"there is no image or video to score: {notes[0]}")


def _refuse_data_sets(inputs: Sequence[Path]) -> None:
    """Raise a DataError for an input whose list says which images are the frames of a clip."""
    for path in inputs:
        if is_dataset(path):
            raise DataError(
                f"{path} is a data set, and --clips takes each of its folders for one clip,"
                " whatever its list says; name folders of frames inside it, or let its list say"
                f" which they are: bench eval --dataset {shlex.quote(str(path))}"
            )


def _from(first: Path, files: Sequence[Path]) -> list[Path]:
    """List the files from `first` on; a ConfigError if it is none of them."""
    if first not in files and first.exists():  # under another name
        first = next((each for each in files if each.samefile(first)), first)
    if first not in files:
        hint = did_you_mean(str(first), map(str, files))
        raise ConfigError(
            f"--start-at {first} is no file of the inputs;{hint} files: {_listed(files)}"
        )
    return [*files[files.index(first) :]]


def _listed(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"{', '.join(map(str, paths[:3]))}{more}"
