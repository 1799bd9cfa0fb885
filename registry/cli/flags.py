"""The fields of a configuration dataclass as flags of a command, and back."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union

from registry.errors import PluginError
from registry.settings.load import as_yaml, resolve

__all__ = [
    "add_config_flags",
    "add_dry_run_flag",
    "add_json_flag",
    "add_option_flags",
    "config_text",
    "given_flags",
]

_OPTIONS = "options."
_METAVARS = {int: "N", float: "X", str: "TEXT"}


def add_config_flags(parser: argparse.ArgumentParser, cls: type[Any]) -> None:
    """Add `--config`, `--set`, `--print-config` and one flag for every field of `cls`."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="YAML file with any of the keys below, or the name of a shipped one",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set one key by name, overriding the file: --set frames=8 --set options.fusion=max",
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print the resulting configuration as YAML, which --config reads, and exit",
    )
    parser.set_defaults(config_class=cls)
    groups: dict[str, Any] = {"": parser}

    def container(name: str) -> Any:
        heading = _heading(cls, name)
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        return groups[heading]

    _add_fields(container, cls, "")


def add_option_flags(parser: argparse.ArgumentParser, owner: str, cls: type[Any]) -> None:
    """Add one flag for every field of a detector's options, in a group of their own."""
    group = parser.add_argument_group(f"options of {owner}")
    try:
        _add_fields(lambda _name: group, cls, _OPTIONS)
    except argparse.ArgumentError as error:
        raise PluginError(
            f"an option of {owner} has the name of a flag that `{parser.prog}` already has: {error}"
        ) from error


def add_json_flag(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--json`, as `args.as_json`: `what` as JSON on standard output, and nothing else."""
    parser.add_argument("--json", action="store_true", dest="as_json", help=f"print {what} as JSON")


def add_dry_run_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--dry-run`, read as `args.dry_run`."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, print what would be done, and do nothing",
    )


def config_text(args: argparse.Namespace) -> str:
    """Return the resulting configuration as YAML; a ConfigError for a wrong key or value.

    `args` are of a parser that `add_config_flags` filled.
    """
    cls = args.config_class
    return as_yaml(resolve(cls, args.config, args.set, given_flags(args, cls)))


def given_flags(args: argparse.Namespace, cls: type[Any]) -> dict[str, Any]:
    """Collect the flags given on the command line, by field; a detector's under `options`."""
    names = {each.name for each in dataclasses.fields(cls)}
    values = {key: value for key, value in vars(args).items() if key in names}
    options = {
        key.removeprefix(_OPTIONS): value
        for key, value in vars(args).items()
        if key.startswith(_OPTIONS)
    }
    return {**values, "options": options} if options else values


def _heading(cls: type[Any], name: str) -> str:
    """Return the heading of a field in `--help`: that of the class that declares it."""
    owners = (base for base in cls.__mro__ if name in vars(base).get("__annotations__", {}))
    return next((str(vars(base)["heading"]) for base in owners if "heading" in vars(base)), "")


def _add_fields(container: Callable[[str], Any], cls: type[Any], prefix: str) -> None:
    """Add a flag for every field that can have one, to what `container` returns for its name."""
    hints = typing.get_type_hints(cls)
    for each in dataclasses.fields(cls):
        how = _argument(hints[each.name])
        if how is not None:
            container(each.name).add_argument(
                "--" + each.name.replace("_", "-"),
                *each.metadata.get("aliases", ()),
                dest=prefix + each.name,
                default=argparse.SUPPRESS,
                help=_help(each),
                **how,
            )


def _argument(annotation: Any) -> dict[str, Any] | None:
    """Return how argparse reads a value of this type; None if only --set and --config can set
    it.
    """
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {Union, types.UnionType}:
        return _argument(next(member for member in members if member is not type(None)))
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if origin is Literal:
        return {"metavar": "{" + ",".join(str(member) for member in members) + "}"}
    if origin is tuple:
        metavar = _METAVARS.get(members[0], "VALUE")
        how = {"action": "append"} if members[-1] is Ellipsis else {"nargs": len(members)}
        return {"metavar": metavar, **how}
    if dataclasses.is_dataclass(annotation) or (origin and issubclass(origin, Mapping)):
        return None
    return {"metavar": _METAVARS.get(annotation, "PATH")}


def _help(each: dataclasses.Field[Any]) -> str:
    default = each.default
    text = str(each.metadata.get("help", ""))
    if isinstance(default, tuple):
        listed = ", ".join(str(value) for value in default)
        text += "; may be repeated" + (f" (default: {listed})" if listed else "")
    elif isinstance(default, bool):
        text += " (default: on)" if default else ""
    elif default is not None and default is not dataclasses.MISSING:
        text += f" (default: {default})"
    return text.replace("%", "%%")
