"""The subcommand `bench completion`: a script for a shell, made from every command's flags."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from registry.cli.bench import CommandParser
from registry.console import say_block
from registry.errors import guarded
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import CommandSpec

__all__ = ["configure_completion", "run_completion"]

_EXAMPLES = """\
examples:
  mkdir -p ~/.local/share/bash-completion/completions
  bench completion bash > ~/.local/share/bash-completion/completions/bench
  bench completion zsh > ~/.zfunc/_bench              where ~/.zfunc is in fpath before compinit
  bench completion fish > ~/.config/fish/completions/bench.fish
  bench completion tcsh > ~/.bench.tcsh; echo 'source ~/.bench.tcsh' >> ~/.tcshrc

Run it again after installing a plugin: the script holds names of detectors, backbones and data
sets."""

# Flags whose values are registered names, and the kind of these.
_NAMES = {
    "backbone": "backbone",
    "dataset": "dataset",
    "detector": "detector",
    "explainer": "explainer",
    "face_detector": "face_detector",
    "fit_on": "dataset",
    "landmarker": "landmarker",
    "metrics": "metric",
    "reporters": "reporter",
    "wrap": "wrapper",
}
_PATHS = re.compile(r"FILE|PATH|DIR|INPUT")


def configure_completion(parser: argparse.ArgumentParser) -> None:
    """Add the shell to write the script for."""
    import shtab

    parser.epilog = _EXAMPLES
    parser.add_argument(
        "shell", choices=shtab.SUPPORTED_SHELLS, help="shell to write the script for"
    )


def run_completion(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    say_block(shtab.complete(_whole_parser(load_plugins()), shell=args.shell))
    return 0


def _whole_parser(plugins: Plugins) -> argparse.ArgumentParser:
    """Build one parser with all commands, from which completions are made."""
    top = argparse.ArgumentParser(prog="bench")
    commands = top.add_subparsers(parser_class=_CommandOfMany)
    for name, spec in plugins.unambiguous("command").items():
        parser = commands.add_parser(name, help=spec.summary)
        _fill(parser, spec)
        for action in parser._actions:  # argparse has no public list of them
            _complete(action, plugins)
    return top


class _CommandOfMany(CommandParser):
    """Build the parser of one of several commands as argparse does."""

    def __init__(self, prog: str, **_: Any) -> None:
        super().__init__(prog, "")


def _fill(parser: CommandParser, spec: CommandSpec) -> None:
    """Add the command's flags, and those of the detector that it runs by default."""
    guarded(f"command {spec.name!r}", spec.source, spec.configure, parser)
    if parser.extend is not None:
        parser.extend(parser, [])


def _complete(action: argparse.Action, plugins: Plugins) -> None:
    """Say what the values of a flag can be: registered names, a fixed set, or files."""
    import shtab

    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.dest in _NAMES:
        names = plugins.unambiguous(_NAMES[action.dest])
        action.choices = [name for name in names if not name.endswith("*")]
    elif metavar.startswith("{"):
        action.choices = metavar.strip("{}").split(",")
    elif action.type is Path or _PATHS.search(metavar):
        action.complete = shtab.FILE  # type: ignore[attr-defined]
