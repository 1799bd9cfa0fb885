"""Flags of a command that runs a detector: those of its configuration and of the detector."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from registry.cli.bench import CommandParser
from registry.cli.flags import add_config_flags, add_option_flags, given_flags
from registry.errors import BenchError, guarded
from registry.plugins.discovery import load_plugins
from registry.plugins.specs import DetectorSpec
from registry.settings.load import merge

__all__ = ["configure_for_detectors"]


def configure_for_detectors(
    parser: argparse.ArgumentParser, cls: type[Any], options: str, examples: str
) -> None:
    """Add the flags of `cls`, and of the dataclass that the chosen detector's `options` names."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = examples
    add_config_flags(parser, cls)
    command = cast(CommandParser, parser)
    command.extend = partial(_add_detector_flags, cls, options)
    command.owners = partial(_owners, options)


def _add_detector_flags(
    cls: type[Any], options: str, parser: CommandParser, argv: Sequence[str]
) -> None:
    """Parse the command line once for the detector, which decides on further flags."""
    early = CommandParser(parser.prog, "")
    early.add_argument("--detector", default=argparse.SUPPRESS)
    early.add_argument("--config")
    early.add_argument("--set", action="append", default=[])
    args, _ = early.parse_known_args([each for each in argv if each not in {"-h", "--help"}])
    chosen = merge(cls, args.config, args.set, given_flags(args, cls)).get("detector")
    plugins = load_plugins()
    if chosen in (None, cls.detector) and cls.detector not in plugins.specs("detector"):
        return  # "auto", or it is not installed: --help must still work, running says what is wrong
    spec = plugins.get("detector", cls.detector if chosen is None else str(chosen))
    parser.chosen = "" if chosen is None else f" --detector {shlex.quote(spec.name)}"
    lazy_options = getattr(spec, options)
    if lazy_options is not None:
        add_option_flags(parser, spec.name, lazy_options.load())


def _owners(options: str, flag: str) -> list[str]:
    """List the detectors whose `options` have a field for a flag."""
    specs: dict[str, DetectorSpec] = load_plugins().unambiguous("detector")
    return sorted(name for name, spec in specs.items() if flag in _flags(spec, options))


def _flags(spec: DetectorSpec, options: str) -> set[str]:
    """Return the flags of a detector's options; none if they cannot be loaded."""
    lazy_options = getattr(spec, options)
    if lazy_options is None:
        return set()
    try:
        loaded = guarded(f"detector {spec.name!r}", spec.source, lazy_options.load)
    except BenchError:  # it is not the detector that was chosen
        return set()
    return {"--" + each.name.replace("_", "-") for each in dataclasses.fields(loaded)}
