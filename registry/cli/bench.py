"""The command `bench`: find subcommands among the plugins, run one, turn errors into lines."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import metadata
from typing import Any, NoReturn

from registry.cli.processes import Terminated, terminating
from registry.console import tell
from registry.errors import BenchError, ConfigError, UnknownNameError, guarded
from registry.memory import share_one_arena
from registry.objects import told_transfers
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import CommandSpec
from registry.ranks import this_rank
from registry.streams import OutputError, output, own_output, shared_output, write

__all__ = ["CommandParser", "main"]

_EPILOG = """\
first run, on drawn faces of people who do not exist:
  bench eval

with your own data (a manifest.csv, folders real/ and fake/, or `bench list datasets`):
  bench eval --dataset DATA

with another backbone:
  bench fit  --detector lesb --backbone efflite0_in1k --train FACES --out runs/lesb
  bench eval --detector lesb --backbone efflite0_in1k --artefact runs/lesb --dataset DATA

`bench COMMAND --help` shows the flags of a command, `bench list` all that is registered."""


_DISTRIBUTION = "lesb-plugin"  # whose commands print by `say` alone
_MISSING = "the following arguments are required: "  # argparse's words
_NAMED = 3  # commands that an error lists
_CLOSE = 0.7  # likeness of two flags' names: a slip of a letter or two, no other short word


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are ConfigErrors with suggestions.

    `extend(parser, argv)`, where set, adds arguments that depend on others (a detector's options)
    before anything is parsed, so that `--help` shows them too. For a flag that this command line
    has not, `owners(flag)` names the detectors that have it with this command, and
    `elsewhere(flag)` other commands that have it. `chosen` are flags that decide what `--help`
    shows.
    """

    extend: Callable[[CommandParser, Sequence[str]], None] | None = None
    owners: Callable[[str], Sequence[str]] | None = None
    elsewhere: Callable[[str], Sequence[str]] | None = None
    chosen: str = ""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of `argv`; an unknown flag is an error with a suggestion."""
        if self.extend is not None:
            self.extend(self, argv)
        args, unknown = self.parse_known_args(argv)
        if unknown:
            first = unknown[0].partition("=")[0]
            hint = self._flag_hint(first) if first.startswith("-") else _json_hint(first, argv)
            self.error(f"unknown argument {first!r}{hint}")
        self._print_config(args)
        return args

    @property
    def flags(self) -> list[str]:
        """List the flags that were added."""
        return [flag for action in self._actions for flag in action.option_strings]

    def takes(self, flag: str) -> bool:
        """Say whether the command has a flag, for some detector at least."""
        return flag in self.flags or bool(self.owners is not None and self.owners(flag))

    def _flag_hint(self, flag: str) -> str:
        """Say which detectors or commands have a flag, or which flag is close to it."""
        owners = [] if self.owners is None else self.owners(flag)
        if owners:
            kind = "detector" if len(owners) == 1 else "detectors"
            return f", which belongs to the {kind} {', '.join(owners)}"
        commands = [] if self.elsewhere is None else self.elsewhere(flag)
        if commands:
            listed = ", ".join(f"`bench {name}`" for name in commands[:_NAMED])
            more = f" and {len(commands) - _NAMED} more" if len(commands) > _NAMED else ""
            own = next((each for each in self.flags if each.startswith(flag)), "")
            return f", which belongs to {listed}{more}{f'; here there is {own}' if own else ''}"
        return _close_flag(flag, self.flags)

    def _choices_of(self, missing: Sequence[str]) -> str:
        """List what may stand for those missing arguments that are one of a few words."""
        few = [each for each in self._actions if each.choices and each.dest in missing]
        return "".join(f"; {each.dest} is one of {', '.join(each.choices or ())}" for each in few)

    def _print_config(self, args: argparse.Namespace) -> None:
        """Print the configuration of a command with `--print-config`, and do nothing else."""
        if getattr(args, "print_config", False):
            from registry.cli.flags import config_text

            self._print_message(config_text(args))
            self.exit()

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ARG002 - argparse's own
        """Print what `--help` and `--version` show to the command's own stream."""
        write(message, output())

    def error(self, message: str) -> NoReturn:
        if message.startswith(_MISSING):
            message += self._choices_of(message.removeprefix(_MISSING).split(", "))
        raise ConfigError(f"{message} (`{self.prog}{self.chosen} --help` lists the flags)")


def _close_flag(unknown: str, known: Sequence[str]) -> str:
    """Return `"; did you mean '--dataset'?"`, or nothing; dashes are ignored."""
    flags = {flag.lstrip("-"): flag for flag in known}
    close = difflib.get_close_matches(unknown.lstrip("-"), flags, n=1, cutoff=_CLOSE)
    return f"; did you mean {flags[close[0]]!r}?" if close else ""


def _json_hint(unknown: str, argv: Sequence[str]) -> str:
    """Return a hint for a folder after `--json`, which used to name the folder of index files."""
    before = dict(zip(argv[1:], argv, strict=False)).get(unknown)
    return "; --json prints JSON, a folder of indices is --json-dir" if before == "--json" else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench`; return 2 for an error that the user can fix, 130 or 143 for Ctrl-C or
    SIGTERM.
    """
    share_one_arena()
    try:
        with own_output(), terminating(), told_transfers():
            return _run(list(sys.argv[1:] if argv is None else argv))
    except BenchError as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        tell(f"{this_rank().prefix}error: {error}{notes}")
        return 2
    except OutputError as error:
        tell(f"error: {error}")
        return 2
    except KeyboardInterrupt as interrupt:
        terminated = isinstance(interrupt, Terminated)
        word = "terminated" if terminated else "interrupted"
        tell(this_rank().prefix + "".join([word, *getattr(interrupt, "__notes__", ())]))
        return 143 if terminated else 130
    except BrokenPipeError:  # the reader of a pipe (`| head`) has gone; nothing more to say to it
        return 1


def _run(argv: list[str]) -> int:
    plugins = load_plugins()
    if not argv or argv[0].startswith("-"):
        top = _top_parser(plugins)
        top.parse(argv)
        top.print_help()
        return 0
    command = _command(plugins, argv[0])
    _check_alone(command, plugins)
    parser = CommandParser(f"bench {command.name}", command.summary)
    parser.elsewhere = partial(_commands_with, plugins)
    if command.source == _DISTRIBUTION:
        command.configure(parser)
        args = parser.parse(argv[1:])
        with _told_to_continue(command, args):
            return command.run(args)
    with shared_output():
        return _run_foreign(command, parser, argv[1:])


def _commands_with(plugins: Plugins, flag: str) -> list[str]:
    """Name the commands that have a flag; those that cannot say so are left out."""
    found = []
    commands: dict[str, CommandSpec] = plugins.unambiguous("command")
    for name, spec in commands.items():
        parser = CommandParser(f"bench {name}", spec.summary)
        with suppress(BenchError):
            guarded(f"command {name!r}", spec.source, spec.configure, parser)
            if parser.takes(flag):
                found.append(name)
    return found


@contextmanager
def _told_to_continue(command: CommandSpec, args: argparse.Namespace) -> Iterator[None]:
    """Say after Ctrl-C or SIGTERM how to go on, where the same line does; with --overwrite it
    begins again.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        anew = getattr(args, "overwrite", False) or getattr(args, "dry_run", False)
        if command.continues and not anew:
            interrupt.add_note("; run the same line again to continue")
        raise


def _check_alone(command: CommandSpec, plugins: Plugins) -> None:
    """Raise a ConfigError if several processes would each run the whole command."""
    count = this_rank().count
    if count > 1 and not command.shares:
        known: dict[str, Any] = plugins.unambiguous("command")
        sharing = ", ".join(name for name, each in known.items() if each.shares)
        raise ConfigError(
            f"`bench {command.name}` runs in a single process, and torchrun has started {count};"
            f" start it without torchrun (processes can share: {sharing})"
        )


def _run_foreign(command: CommandSpec, parser: CommandParser, argv: list[str]) -> int:
    """Run a command of another package; an error in it is reported with the package's name."""
    name = f"command {command.name!r}"
    guarded(name, command.source, command.configure, parser)
    args = parser.parse(argv)
    with _told_to_continue(command, args):
        return guarded(name, command.source, _exit_code, command.run, args)


def _exit_code(run: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> int:
    """Return what `run` returns, or the code of a `sys.exit` in it."""
    try:
        code = run(args)
    except SystemExit as stop:
        code = stop.code
        if isinstance(code, str):
            tell(code)
            return 1
    return code if isinstance(code, int) else 0


def _command(plugins: Plugins, name: str) -> CommandSpec:
    """Return the command of a name, even if other commands are in conflict."""
    known: dict[str, Any] = plugins.unambiguous("command")
    if name not in known:
        plugins.specs("command")  # says so where this or another name is claimed twice
        raise UnknownNameError("command", name, known)
    return known[name]  # type: ignore[no-any-return]


def _top_parser(plugins: Plugins) -> CommandParser:
    commands = plugins.unambiguous("command")
    width = max((len(name) for name in commands), default=0)
    listed = "\n".join(f"  {name:<{width}}  {spec.summary}" for name, spec in commands.items())
    parser = CommandParser("bench", "Benchmark deepfake detectors and explain what they find.")
    parser.usage = "bench COMMAND ..."
    parser.epilog = f"commands:\n{listed or '  none: is the plugin builtin disabled?'}\n\n{_EPILOG}"
    version = metadata.version(_DISTRIBUTION)
    parser.add_argument("--version", action="version", version=f"bench {version}")
    return parser
