"""Finds plugins through the entry-point group `bench`, loads each alone, and looks names up.

A plugin that cannot be loaded becomes a `Failure` in the answer and does not affect others. Two
settings in the environment: BENCH_DISABLE_PLUGINS=a,b leaves plugins out, BENCH_STRICT_PLUGINS=1
makes every failure and every conflict an error.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pluggy

from registry.errors import PluginError, UnknownNameError, did_you_mean
from registry.plugins import hookspecs
from registry.plugins.entries import PluginEntry, attempt, find_entries
from registry.plugins.kinds import KINDS, brief, kind_of, stamp
from registry.plugins.specs import Spec

__all__ = [
    "KINDS",
    "Failure",
    "PluginInfo",
    "Plugins",
    "discover",
    "kind_named",
    "load_module",
    "load_plugins",
]

_HOOKS = {f"bench_{kind}s": kind for kind in KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """A loaded plugin, and the hooks it implements."""

    name: str
    distribution: str
    version: str
    module: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Which part of a plugin could not be used, where it failed, and why.

    `stage` is "entry points" (a package's list of them is damaged), "import", "hooks" (unknown
    names, wrong arguments), the hook that failed when it was called, "conflict" (two plugins, one
    name) or "disable" (a name that switches nothing off).
    """

    plugin: str
    distribution: str
    stage: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """Everything registered, in the order in which it was found."""

    records: tuple[Spec, ...]
    infos: tuple[PluginInfo, ...] = ()
    failures: tuple[Failure, ...] = ()
    disabled: tuple[str, ...] = ()
    _claims: dict[str, dict[str, list[Spec]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        claims: dict[str, dict[str, list[Spec]]] = {kind: {} for kind in KINDS}
        for record in self.records:
            claims[kind_of(record)].setdefault(record.name, []).append(record)
        object.__setattr__(self, "_claims", claims)

    def specs(self, kind: str) -> dict[str, Any]:
        """Return records of a kind by name; a PluginError if two plugins claim one of the names."""
        conflicts = self.conflicts(kind)
        if conflicts:
            raise PluginError("; ".join(conflict.reason for conflict in conflicts))
        return self.unambiguous(kind)

    def unambiguous(self, kind: str) -> dict[str, Any]:
        """Return records of a kind by name, without the names that are claimed twice."""
        return {name: found[0] for name, found in self._claims[kind].items() if len(found) == 1}

    def conflicts(self, kind: str | None = None) -> tuple[Failure, ...]:
        """Return a failure for each name that is claimed twice, within one kind or across all."""
        return tuple(
            _conflict(each, name, found)
            for each in ([kind] if kind else KINDS)
            for name, found in self._claims[each].items()
            if len(found) > 1
        )

    def get(self, kind: str, name: str, also: str = "") -> Any:
        """Return the record of a name, or of its family: `timm/*` for `timm/resnet18`.

        `also` is said of a name that is not registered: what else it could have been, and is not.
        """
        specs = self.specs(kind)
        family = name.partition("/")[0] + "/*"
        if name in specs:
            return specs[name]
        if "/" in name and family in specs:
            return specs[family]
        error = UnknownNameError(kind.replace("_", " "), name, specs, also)
        if self.failures:
            failed = ", ".join(sorted({failure.plugin for failure in self.failures}))
            error.add_note(f"plugins with failures: {failed}; run `bench plugins` for the reasons")
        raise error


def load_plugins() -> Plugins:
    """Find all installed plugins, once per process and setting of the environment."""
    disabled = os.environ.get("BENCH_DISABLE_PLUGINS", "")
    names = tuple(sorted({name.strip() for name in disabled.split(",") if name.strip()}))
    strict = os.environ.get("BENCH_STRICT_PLUGINS", "0") not in {"", "0"}
    return _load_once(names, strict)


@functools.cache
def _load_once(disabled: tuple[str, ...], strict: bool) -> Plugins:
    return discover(disabled=disabled, strict=strict)


def discover(*, disabled: Collection[str] = (), strict: bool = False) -> Plugins:
    """Load every plugin on `sys.path` afresh; with `strict` the first PluginError lists all."""
    found, unreadable = find_entries(hookspecs.PROJECT)
    loaded = [_load(entry) for entry in found if entry.name not in disabled]
    failures = _unreadable(unreadable) + _unknown_disabled(disabled, [each.name for each in found])
    plugins = Plugins(
        records=tuple(record for each in loaded for record in each.records),
        infos=tuple(info for each in loaded for info in each.infos),
        failures=tuple(failure for each in loaded for failure in each.failures) + failures,
        disabled=tuple(sorted({entry.name for entry in found} & set(disabled))),
    )
    if strict:
        _raise_failures(plugins)
    return plugins


def load_module(
    module: Any, *, name: str = "", distribution: str = "", version: str = "", address: str = ""
) -> Plugins:
    """Load what one plugin registers, or say why that fails; nothing it does can raise here."""
    name = name or str(getattr(module, "__name__", module))
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    refusal, error = attempt(name, _refuse, manager, module, name)
    if refusal or error:
        reason = _describe(error) if error else str(refusal)
        return _failed(name, distribution, "hooks", reason)
    records: list[Spec] = []
    failures: tuple[Failure, ...] = ()
    hooks = [hook for hook in _HOOKS if getattr(manager.hook, hook).get_hookimpls()]
    for hook in hooks:
        found, error = attempt(name, _call, manager, hook, distribution)
        records += found or []
        if error is not None:
            failures += _failed(name, distribution, hook, _describe(error)).failures
    info = PluginInfo(
        name=name,
        distribution=distribution,
        version=version,
        module=address or name,
        hooks=tuple(hooks),
    )
    return Plugins(records=tuple(records), infos=(info,), failures=failures)


def kind_named(text: str) -> str:
    """Normalise a kind: `face-detectors` or `Face detectors` to `face_detector`."""
    kind = re.sub(r"[\s\-]+", "_", text.strip().lower()).removesuffix("s")
    if kind not in KINDS:
        raise UnknownNameError("kind", text, [f"{known}s".replace("_", "-") for known in KINDS])
    return kind


def _load(entry: PluginEntry) -> Plugins:
    """Load the target of an entry point; an interrupt passes, naming what was loading."""
    module, error = attempt(entry.name, entry.point.load)
    if error is not None:
        return _failed(entry.name, entry.distribution, "import", _describe(error))
    return load_module(
        module,
        name=entry.name,
        distribution=entry.distribution,
        version=entry.version,
        address=entry.point.value,
    )


def _unreadable(distributions: Iterable[tuple[str, Exception]]) -> tuple[Failure, ...]:
    return tuple(
        Failure(
            plugin=name,
            distribution=name,
            stage="entry points",
            reason=f"its entry_points.txt cannot be read ({_describe(error)}); install it again",
        )
        for name, error in distributions
    )


def _failed(name: str, distribution: str, stage: str, reason: str) -> Plugins:
    failure = Failure(plugin=name, distribution=distribution, stage=stage, reason=reason)
    return Plugins(records=(), failures=(failure,))


def _refuse(manager: pluggy.PluginManager, module: Any, name: str) -> str:
    """Register a plugin's hooks; return why they cannot be registered, or an empty string."""
    try:
        manager.register(module, name)
    except pluggy.PluginValidationError as error:
        text = " ".join(str(error).split())
        return f"{text} (hooks of bench take no arguments)"
    marked = {caller.name: caller.has_spec() for caller in manager.get_hookcallers(module) or []}
    for hook, known in marked.items():
        if not known:
            hint = did_you_mean(hook, _HOOKS)
            return f"unknown hook {hook!r};{hint} hooks: {', '.join(_HOOKS)}"
    for hook in _HOOKS:
        if hook not in marked and callable(getattr(module, hook, None)):
            return f"{hook} lacks the decorator @registry.hookimpl"
    return "" if marked else f"no hook is implemented; hooks: {', '.join(_HOOKS)}"


def _call(manager: pluggy.PluginManager, hook: str, dist: str) -> list[Spec]:
    """Call one plugin's hook; check its records and stamp them with its package."""
    kind = _HOOKS[hook]
    records: list[Spec] = []
    for returned in getattr(manager.hook, hook)() or [None]:  # pluggy leaves a None out
        if isinstance(returned, (str, Spec)) or not isinstance(returned, Iterable):
            wanted = KINDS[kind].__name__
            raise PluginError(f"{hook} must return an iterable of {wanted}, got {brief(returned)}")
        records += [stamp(record, kind, dist) for record in returned]
    return records


def _conflict(kind: str, name: str, found: Sequence[Spec]) -> Failure:
    sources = sorted({spec.source or "an unnamed package" for spec in found})
    claim = f"is claimed by {' and '.join(sources)}" if sources[1:] else f"is twice in {sources[0]}"
    reason = (
        f"{kind.replace('_', ' ')} {name!r} {claim}; uninstall one or disable one of their"
        " plugins with BENCH_DISABLE_PLUGINS (`bench plugins` lists them)"
    )
    return Failure(plugin=name, distribution=", ".join(sources), stage="conflict", reason=reason)


def _unknown_disabled(disabled: Iterable[str], installed: Sequence[str]) -> tuple[Failure, ...]:
    return tuple(
        Failure(
            plugin=name,
            distribution="",
            stage="disable",
            reason=f"BENCH_DISABLE_PLUGINS names no installed plugin {name!r};"
            f"{did_you_mean(name, installed)} installed: {', '.join(installed) or 'none'}",
        )
        for name in disabled
        if name not in installed
    )


def _raise_failures(plugins: Plugins) -> None:
    problems = plugins.failures + plugins.conflicts()
    if problems:
        raise PluginError(
            "BENCH_STRICT_PLUGINS is set and plugins have failures:",
            *(f"  {each.plugin} ({each.stage}): {each.reason}" for each in problems),
        )


def _describe(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a plugin's own exception, which cannot even say what it is
        text = "it has no text"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
