"""Contracts of a plugin as a whole, and of records that hold no network."""

from __future__ import annotations

import argparse
import dataclasses
import re
import subprocess
import sys
import typing
from types import ModuleType
from typing import Any

from registry.checks.samples import require
from registry.cli.flags import add_option_flags
from registry.errors import ConfigError, PluginError
from registry.plugins.discovery import Plugins, load_module
from registry.plugins.specs import ArtefactSpec, CommandSpec, Lazy
from registry.results.audit_summary import AuditSummary
from registry.settings.coerce import coerce

__all__ = [
    "check_artefact",
    "check_command",
    "check_light_import",
    "check_options",
    "check_plugin",
]

_HEAVY = ("torch", "cv2", "numpy", "pandas", "timm", "scipy", "sklearn", "albumentations")


def check_plugin(module: ModuleType) -> Plugins:
    """Load a plugin module alone: its hooks, its records, and every `lazy` address in them.

    Returns what it registers, for the checks of its single records.
    """
    plugins = load_module(module)
    if plugins.failures:
        raise PluginError("; ".join(f"{each.stage}: {each.reason}" for each in plugins.failures))
    conflicts = plugins.conflicts()
    if conflicts:
        raise PluginError("; ".join(each.reason for each in conflicts))
    for record in plugins.records:
        for each in dataclasses.fields(record):
            value = getattr(record, each.name)
            loaded = value.load() if isinstance(value, Lazy) else None
            if each.name in {"options", "fit_options"} and loaded is not None:
                check_options(loaded)
    return plugins


def check_light_import(module: str) -> None:
    """Check that importing `module` (a plugin, or the module of its options) loads nothing
    heavy.
    """
    script = f"import sys, {module}; print(*sorted(set({_HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(  # noqa: S603 - this interpreter, on a script made here
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    require(done.returncode == 0, f"{module} must be importable", done.stderr.strip()[-300:])
    loaded = done.stdout.strip()
    require(not loaded, f"importing {module} must stay light, as `bench --help` does it", loaded)


def check_options(cls: type[Any]) -> None:
    """Check a detector's options: a frozen dataclass whose fields have defaults, types and help."""
    frozen = getattr(getattr(cls, "__dataclass_params__", None), "frozen", False)
    require(frozen, "options must be a frozen dataclass", repr(cls))
    hints = typing.get_type_hints(cls)
    try:
        defaults = cls()
    except (TypeError, ConfigError) as error:
        raise PluginError(f"every option of {cls.__name__} must have a default: {error}") from error
    for each in dataclasses.fields(cls):
        value = getattr(defaults, each.name)
        require(
            coerce(value, hints[each.name], each.name) == value,
            f"the default of option {each.name!r} must be of its type {hints[each.name]}",
            repr(value),
        )
        helped = bool(str(each.metadata.get("help", "")))
        require(helped, f'option {each.name!r} must have metadata {{"help": ...}}', "none")
    add_option_flags(argparse.ArgumentParser(), cls.__name__, cls)


def check_artefact(spec: ArtefactSpec) -> None:
    """Check a shipped artefact: its file exists, and the weights it belongs to are named in
    full.
    """
    sha = spec.weights_sha256
    require(
        re.fullmatch("[0-9a-f]{64}", sha) is not None,
        f"weights_sha256 of artefact {spec.name!r} must be 64 hexadecimal digits",
        repr(sha),
    )
    path = spec.path()
    require(path.is_file(), f"path() of artefact {spec.name!r} must be a file", path)


def check_command(spec: CommandSpec) -> None:
    """Check a subcommand: `configure` works on a fresh parser, and its help can be formatted."""
    parser = argparse.ArgumentParser(prog=f"bench {spec.name}")
    try:
        spec.configure(parser)
        parser.format_help()
    except (ValueError, TypeError, KeyError, argparse.ArgumentError) as error:
        raise PluginError(f"help of command {spec.name!r} must be printable: {error}") from error
    require(callable(spec.run), f"run of command {spec.name!r} must be callable", repr(spec.run))
    if spec.audit is not None:
        kind = spec.audit.load()
        of_audits = isinstance(kind, type) and issubclass(kind, AuditSummary)
        require(of_audits, f"audit of command {spec.name!r} must load an AuditSummary", repr(kind))
