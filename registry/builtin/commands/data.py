"""The subcommand `data`: check data before anything is scored."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.builtin.commands.data_options import CheckConfig
from registry.cli.flags import add_config_flags, add_json_flag, given_flags
from registry.console import say, say_block
from registry.plugins.discovery import load_plugins
from registry.settings.load import resolve

if TYPE_CHECKING:
    from registry.builtin.commands.data_check import DataReport

__all__ = ["configure_data", "run_data"]

_EXAMPLES = """\
examples:
  bench data check DATA
  bench data check celeb_df_v2 dfdc --data-root /data/rgb --json-dir /data/dataset_json
  bench data check deepfakebench:FF-DF --data-root /data/rgb --frame-policy all --json

Reads every frame that `bench eval` would read with the same flags. The exit code is 1 if a data set
cannot be read or has files that are missing, empty, unreadable, or shared by two videos. Videos
with fewer frames than --frames are listed, but are not an error."""

_LISTED = 3


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench data check`: those of `bench eval` that say which data is read."""
    parser.usage = f"{parser.prog} check DATASET ... [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument("action", choices=["check"], help="what to do")
    parser.add_argument("dataset", nargs="+", help="a path, a registered name, or kind:NAME")
    add_json_flag(parser, "what was found, with every file,")
    add_config_flags(parser, CheckConfig)


def run_data(args: argparse.Namespace) -> int:
    """Print what was found and what is wrong; return 1 if something is."""
    config = resolve(CheckConfig, args.config, args.set, given_flags(args, CheckConfig))
    from registry.builtin.commands.data_check import (
        check_data,  # numpy: after what goes wrong without it
    )

    plugins = load_plugins()
    reports = [check_data(name, config, plugins) for name in args.dataset]
    if args.as_json:
        plain = [{**dataclasses.asdict(each), "wrong": each.wrong} for each in reports]
        say_block(json.dumps(plain, indent=1))
    else:
        for report in reports:
            _print(report)
    return int(any(report.wrong for report in reports))


def _print(report: DataReport) -> None:
    from registry.builtin.commands.data_check import PROBLEMS

    say(f"{report.dataset}, split {report.split}")
    if report.error:
        say(f"  cannot be read: {report.error}")
        return
    fakes = ", ".join(f"{name} {count}" for name, count in report.fakes.items())
    say(f"  videos: {report.reals} real, {sum(report.fakes.values())} fake ({fakes or 'none'})")
    say(f"  frames to read: {report.frames}, {report.with_landmarks} with landmarks")
    for each in report.resolved:
        say(f"listed under {each.label}: {each.listed}, found: {each.found}")
    for kind in PROBLEMS:
        _print_kind(kind, getattr(report, kind))
    _print_kind("shorter than requested", report.short)
    if report.crops:
        say(f"  crops: {report.crops}")
    for note in report.notes:
        say(f"  note: {note}")
    say("  problems found" if report.wrong else "  no problems found")


def _print_kind(kind: str, lines: Sequence[str]) -> None:
    say(f"  {kind}: {len(lines) or 'none'}")
    for line in lines[:_LISTED]:
        say(f"    {line}")
    if len(lines) > _LISTED:
        say(f"    and {len(lines) - _LISTED} more (--json lists all)")
