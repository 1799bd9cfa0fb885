"""The subcommands `list` and `plugins`: what is registered, and by whom."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

from registry.console import print_records, say, say_block
from registry.errors import ConfigError
from registry.plugins.discovery import Failure, PluginInfo, Plugins, kind_named, load_plugins
from registry.plugins.kinds import KINDS
from registry.plugins.specs import BackboneSpec, Spec

__all__ = ["configure_list", "configure_plugins", "run_list", "run_plugins"]

_LIST_EXAMPLES = """\
examples:
  bench list                               every kind, with its names
  bench list backbones                     one line each
  bench list detectors --json              for programs
  bench list backbones --timm 'tf_eff*'    timm models that match; each is a backbone timm/<name>

In a pipe the lines are tab-separated values under a header."""

_PLUGINS_EXAMPLES = """\
examples:
  bench plugins
  BENCH_DISABLE_PLUGINS=lesb bench plugins      leave plugins out
  BENCH_STRICT_PLUGINS=1 bench plugins          make every failure an error

In a pipe the lines are tab-separated values under a header. The exit code is 1 if a plugin has a
failure or two plugins claim the same name."""


def configure_list(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench list`."""
    parser.epilog = _LIST_EXAMPLES
    parser.add_argument(
        "kind", nargs="?", help=", ".join(f"{kind}s".replace("_", "-") for kind in KINDS)
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--timm", metavar="GLOB", help="list timm models that match a pattern")


def run_list(args: argparse.Namespace) -> int:
    """Print the records of one kind, the names of all kinds, or the models of timm."""
    plugins = load_plugins()
    if args.timm is not None:
        _list_members(plugins, args)
    elif args.kind is None:
        _list_kinds(plugins, as_json=args.json)
    else:
        _list_records(plugins, kind_named(args.kind), as_json=args.json)
    return 0


def configure_plugins(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench plugins`."""
    parser.epilog = _PLUGINS_EXAMPLES
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_plugins(args: argparse.Namespace) -> int:
    """Print plugins, failures and conflicts; return 1 if there is a failure or a conflict."""
    plugins = load_plugins()
    conflicts = plugins.conflicts()
    if args.json:
        found: dict[str, Sequence[PluginInfo | Failure]] = {
            "plugins": plugins.infos,
            "failures": plugins.failures,
            "conflicts": conflicts,
        }
        plain = {key: [dataclasses.asdict(each) for each in value] for key, value in found.items()}
        say_block(json.dumps({**plain, "disabled": plugins.disabled}, indent=1))
        return int(bool(plugins.failures or conflicts))
    rows = [
        (each.name, each.distribution, each.version, each.module, ", ".join(each.hooks) or "-")
        for each in plugins.infos
    ]
    print_records(("plugin", "package", "version", "module", "hooks"), rows)
    if plugins.disabled:
        say(f"disabled by BENCH_DISABLE_PLUGINS: {', '.join(plugins.disabled)}")
    for each in plugins.failures + conflicts:
        package = f" of {each.distribution}" if each.distribution else ""
        say(f"failure: {each.plugin}{package} ({each.stage}): {each.reason}")
    return int(bool(plugins.failures or conflicts))


def _list_kinds(plugins: Plugins, *, as_json: bool) -> None:
    names = {f"{kind}s": list(plugins.specs(kind)) for kind in KINDS}
    if as_json:
        say_block(json.dumps(names, indent=1))
        return
    rows = [
        (kind.replace("_", "-"), ", ".join(map(_as_typed, found)) or "none")
        for kind, found in names.items()
    ]
    print_records(("kind", "registered"), rows)


def _list_records(plugins: Plugins, kind: str, *, as_json: bool) -> None:
    specs: list[Spec] = list(plugins.specs(kind).values())
    if as_json:
        say_block(json.dumps([_plain(spec) for spec in specs], indent=1))
        return
    extra = _EXTRA.get(kind, {})
    header = ("name", *extra, "package", "summary")
    rows = [
        (_as_typed(spec.name), *(cell(spec) for cell in extra.values()), spec.source, spec.summary)
        for spec in specs
    ]
    if rows:
        print_records(header, rows)
    else:
        say(f"no {kind.replace('_', ' ')} is registered")


def _list_members(plugins: Plugins, args: argparse.Namespace) -> None:
    if args.kind is not None and kind_named(args.kind) != "backbone":
        raise ConfigError("--timm lists backbones; use `bench list backbones --timm GLOB`")
    spec = plugins.get("backbone", "timm/*")
    names = spec.members(args.timm)
    if not names:
        raise ConfigError(f"no timm model matches {args.timm!r}; patterns look like 'tf_eff*'")
    say_block(json.dumps(names, indent=1) if args.json else "\n".join(names))


def _as_typed(name: str) -> str:
    """Return a family as it is typed: `timm/<name>` for `timm/*`."""
    return name.removesuffix("*") + "<name>" if name.endswith("/*") else name


def _plain(spec: Spec) -> dict[str, Any]:
    """Return a record without its factories."""
    values = {each.name: getattr(spec, each.name) for each in dataclasses.fields(spec)}
    return {
        key: [dataclasses.asdict(each) for each in value] if key == "trained_on" else value
        for key, value in values.items()
        if not callable(value)
    }


def _trained_on(spec: Any) -> str:
    return ", ".join(f"{each.dataset} ({each.task})" for each in spec.trained_on) or "-"


def _pixels(spec: BackboneSpec) -> str:
    return "-" if spec.input_size is None else str(spec.input_size)


_EXTRA: dict[str, dict[str, Callable[[Any], str]]] = {
    "backbone": {
        "pixels": _pixels,
        "weights": lambda spec: "--weights" if spec.needs_weights else "included",
        "trained on": _trained_on,
        "license": lambda spec: spec.license,
    },
    "dataset": {"needs": lambda spec: spec.needs or "-"},
    "detector": {
        "backbone": lambda spec: "yes" if spec.needs_backbone else "no",
        "fit": lambda spec: "yes" if spec.fit else "no",
    },
    "landmarker": {"points": lambda spec: str(spec.points)},
    "metric": {"better": lambda spec: "higher" if spec.higher_is_better else "lower"},
    "artefact": {
        "detector": lambda spec: spec.detector,
        "backbone": lambda spec: spec.backbone,
        "weights": lambda spec: spec.weights_sha256[:12],
    },
}
